//! The pipeline works inside any async runtime, and outside.

use super::fakes::{FakeSink, LONG, SharedLog, accept, record, settings, start};

#[test]
fn it_flushes_and_is_dropped_inside_async_code() {
    let builders = [tokio::runtime::Builder::new_current_thread(), {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2);
        builder
    }];
    for mut builder in builders {
        let log = SharedLog::default();
        let runtime = builder.enable_all().build().unwrap();
        runtime.block_on(async {
            let pipeline = start(settings(), FakeSink::new(&log));
            let inlet = pipeline.inlet();
            let task = tokio::spawn(async move {
                inlet.accept(record("from a task")).unwrap();
                inlet.force_flush(LONG).unwrap();
            });
            task.await.unwrap();
            assert_eq!(log.names(), ["from a task"]);
            accept(&pipeline.inlet(), 2);
            drop(pipeline);
            assert_eq!(log.names().len(), 3);
        });
    }
}

#[test]
fn it_outlives_the_runtime_that_it_was_started_in() {
    let log = SharedLog::default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let pipeline = runtime.block_on(async { start(settings(), FakeSink::new(&log)) });
    accept(&pipeline.inlet(), 1);
    drop(runtime);
    accept(&pipeline.inlet(), 1);
    pipeline.force_flush(LONG).unwrap();
    assert_eq!(log.names(), ["0", "0"]);
}
