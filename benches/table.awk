# Makes one table of the lines that programs end with: those below `heading`, in each of the files. Says of each whether its goal is met.
#
# A goal begins with `≤ N` or `≥ N`, or is `the same`, and holds for the ratio, or where there is none for the figure; `aim N` behind it is a second, harder one.

# The columns of a line, without the spaces around them.
function read_line(line,    count) {
    sub(/^\| */, "", line)
    sub(/ *\|$/, "", line)
    count = split(line, cell, / *\| */)
    return count
}

# Splits `0.42 (0.40..0.47)`: the spread goes into `spread`.
function without_spread(figure) {
    if (match(figure, / \([-0-9.k]+\.\.[-0-9.k]+\)$/)) {
        spread = substr(figure, RSTART + 2, RLENGTH - 3)
        return substr(figure, 1, RSTART - 1)
    }
    return figure
}

# The number behind a word of the goal, or nothing.
function number_behind(goal, word,    place, rest) {
    place = index(goal, word)
    if (!place) return ""
    rest = substr(goal, place + length(word))
    return match(rest, /^ *[0-9]+\.?[0-9]*/) ? substr(rest, RSTART, RLENGTH) + 0 : ""
}

function verdict(goal, ratio, ours,    value, at_most, at_least, aim, word) {
    if (ours ~ /^SKIPPED/) {
        count["skipped"]++
        return "SKIPPED"
    }
    value = (ratio == "-" ? ours : ratio) + 0
    at_most = goal == "the same" ? 1 : number_behind(goal, "≤")
    at_least = number_behind(goal, "≥")
    aim = number_behind(goal, "aim below")
    if (aim == "") aim = number_behind(goal, "aim")
    if (at_most != "") word = value <= at_most ? "met" : "missed"
    else if (at_least != "") word = value >= at_least ? "met" : "missed"
    else if (aim != "") return value <= aim ? "aim met" : "aim missed"
    else return "-"
    count[word]++
    if (aim == "" || word == "missed") return word
    return word (at_least != "" ? value >= aim : value <= aim ? ", aim too" : ", aim missed")
}

# As wide as it is shown: bytes that go on with a letter take no room.
function width(text) {
    gsub(/[\200-\277]/, "", text)
    return length(text)
}

function keep(a, b, c, d, e, f, g,    column) {
    rows++
    table[rows, 1] = a; table[rows, 2] = b; table[rows, 3] = c; table[rows, 4] = d
    table[rows, 5] = e; table[rows, 6] = f; table[rows, 7] = g
    for (column = 1; column <= 7; column++)
        if (width(table[rows, column]) > widest[column]) widest[column] = width(table[rows, column])
}

function fill(text, column, with,    missing) {
    for (missing = widest[column] - width(text); missing > 0; missing--) text = text with
    return text
}

BEGIN { keep("what", "ours", "compared with", "ratio", "spread", "goal", "") }
FNR == 1 { is_inside = 0 }
$0 == heading { is_inside = 1; next }
is_inside && /^\|--/ { next }
is_inside && /^\|/ && read_line($0) == 5 {
    spread = "-"
    ratio = without_spread(cell[4])
    ours = ratio == "-" ? without_spread(cell[2]) : cell[2]
    keep(cell[1], ours, cell[3], ratio, spread, cell[5], verdict(cell[5], ratio, ours))
    next
}
{ is_inside = 0 }
END {
    for (row = 1; row <= rows; row++) {
        line = "|"
        for (column = 1; column <= 7; column++) line = line " " fill(table[row, column], column, " ") " |"
        print line
        if (row > 1) continue
        line = "|"
        for (column = 1; column <= 7; column++) line = line "-" fill("", column, "-") "-|"
        print line
    }
    printf "\n%d met, %d missed, %d skipped\n", count["met"], count["missed"], count["skipped"]
}
