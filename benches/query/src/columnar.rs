//! DuckDB beside: the dashboard's question over the same rows in the same run.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use rusqlite::Connection;

/// Asks DuckDB, in Python as `python` has it, about `ranges` of time: the milliseconds of each round.
pub(crate) fn ask(
    python: &Path,
    connection: &Connection,
    folder: &Path,
    rounds: usize,
    ranges: &[[i64; 2]],
) -> Result<Vec<Vec<f64>>> {
    let rows = folder.join("spans.csv");
    write_rows(connection, &rows)?;
    let output = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("columnar.py"))
        .arg(&rows)
        .arg(rounds.to_string())
        .args(ranges.iter().map(|[since, until]| format!("{since},{until}")))
        .output()
        .with_context(|| format!("{}", python.display()))?;
    for file in [rows.clone(), rows.with_extension("csv.duckdb")] {
        let _ = std::fs::remove_file(file);
    }
    anyhow::ensure!(output.status.success(), "DuckDB: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    text.lines().map(|line| Ok(line.split(' ').map(str::parse).collect::<Result<_, _>>()?)).collect()
}

/// What the question is about, a line a span.
fn write_rows(connection: &Connection, path: &Path) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "start_ns,duration_ns,kind,is_error,model,input_tokens,output_tokens")?;
    let mut statement = connection.prepare(
        "SELECT start_ns || ',' || coalesce(end_ns - start_ns, '') || ',' || kind || ',' || (status_code = 2) || ','
             || coalesce(response_model, request_model, '') || ',' || coalesce(input_tokens, '') || ','
             || coalesce(output_tokens, '')
         FROM spans",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        writeln!(file, "{}", row.get_ref(0)?.as_str()?)?;
    }
    file.flush()?;
    Ok(())
}
