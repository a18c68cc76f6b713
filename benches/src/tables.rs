//! The results as tables, between the marks in the documents.

use std::fmt::Write as _;
use std::fs;

use crate::Error;
use crate::bounds::{On, held};
use crate::results::{Results, code, file, shown};

/// A title, the sections that give the rows, and columns: heading, colon, figure.
const TABLES: [(&str, &[&str], &str); 5] = [
    (
        "A warm event",
        &["functions", "peers"],
        "CPU:warmCpuMicros, in baselines:cpuToBaselineMedian, instructions:warmInstructions, least CPU:warmCpuLeastMicros, \
         in the baseline's least:cpuToBaselineLeast, p50:warmP50Micros, p99:warmP99Micros, DynamoDB calls:storeCalls, \
         Secrets Manager:secretCalls, SQS:queueCalls, others:otherCalls, resident:residentBytes",
    ),
    (
        "A start",
        &["functions", "peers"],
        "until it asks for an event:startMillis, over the baseline:startOverBaselineMillis, CPU:startCpuMillis, \
         instructions with the first event's:startInstructions, first event:firstMillis, CPU:firstCpuMillis, resident:residentAtStartBytes, program:programBytes, zip:zipBytes",
    ),
    ("In process", &["inProcess"], "CPU:medianMicros, least CPU:leastMicros, to RSA alone:toVerify"),
    (
        "Load on the local host",
        &["load"],
        "recorded:recorded, a second:perSecond, median:p50Millis, 99 % within:p99Millis, longest:longestMillis, \
         lost:lost, CPU a request:cpuMicros, resident:residentBytes",
    ),
    (
        "Growth of the local host's store, by authorizations",
        &["growth"],
        "CPU a request:cpuMicros, to the smallest:cpuToSmallest, median:p50Millis, 99 % within:p99Millis",
    ),
];

/// Every table in Markdown, and what was held to bounds.
pub(crate) fn tables(results: &Results) -> Result<String, Error> {
    let mut text = format!("Measured on {}.\n", results.machine);
    for (title, sections, columns) in TABLES {
        let columns: Vec<_> = columns.split(", ").filter_map(|column| column.split_once(':')).collect();
        let headings: Vec<_> = columns.iter().map(|(heading, _)| *heading).collect();
        let (headings, rule) = (headings.join(" | "), "--:|".repeat(columns.len()));
        write!(text, "\n### {title}\n\n| | {headings} |\n|---|{rule}\n")?;
        for row in sections.iter().flat_map(|section| results.rows(section)) {
            let cell = |name| row.figures.get(name).map(|figure| shown(name, *figure)).unwrap_or_default();
            let cells: Vec<_> = columns.iter().map(|(_, name)| cell(*name)).collect();
            writeln!(text, "| {} | {} |", code(&row.name), cells.join(" | "))?;
        }
    }
    text += "\n### Bounds\n\n| held | furthest from its bound | measured | bound |\n|---|---|--:|--:|\n";
    held(results, On::QuietMachine)
        .iter()
        .try_for_each(|(_, row)| writeln!(text, "| {} |", row.join(" | ")))?;
    Ok(text)
}

const FIVE: &str = "\
| one warm event of `alipay-auth-url`, as a whole program | |
|---|--:|
| least CPU (quietest rounds) | {cpu}, {ratio} times a function that only verifies one RSA signature |
| the same job in Node; in Python, with their official SDKs | {node}; {python} |
| start until it asks for an event | {start} |
| resident; zip | {resident}; {zip} |
| local host, embedded store, 64 connections | {rate} links a second, 99 % within {p99} |
";
const FIVE_IN_CHINESE: &str = "\
| `alipay-auth-url` 处理一个事件（热启动，完整进程） | |
|---|--:|
| CPU（最安静的几轮） | {cpu}，是仅验一次 RSA 签名的基线函数的 {ratio} 倍 |
| 用官方 SDK 实现同样功能：Node；Python | {node}；{python} |
| 启动到请求第一个事件 | {start} |
| 常驻内存；zip 大小 | {resident}；{zip} |
| 本地服务，嵌入式存储，64 个连接 | 每秒 {rate} 个链接，99 % 在 {p99} 以内 |
";

/// Fills in the figures of a README.
fn five(results: &Results, template: &str) -> Result<String, Error> {
    let mut text = template.to_owned();
    for (place, section, row, name) in [
        ("{cpu}", "functions", "alipay-auth-url", "warmCpuLeastMicros"),
        ("{ratio}", "functions", "alipay-auth-url", "cpuToBaselineLeast"),
        ("{node}", "peers", "Node", "warmCpuLeastMicros"),
        ("{python}", "peers", "Python", "warmCpuLeastMicros"),
        ("{start}", "functions", "alipay-auth-url", "startMillis"),
        ("{resident}", "functions", "alipay-auth-url", "residentBytes"),
        ("{zip}", "functions", "alipay-auth-url", "zipBytes"),
        ("{rate}", "load", "64 connections", "perSecond"),
        ("{p99}", "load", "64 connections", "p99Millis"),
    ] {
        let figure = results.figure(section, row, name).ok_or_else(|| format!("no {name} of {row}"))?;
        text = text.replace(place, &shown(name, figure));
    }
    Ok(text)
}

/// Each document that has marks: its path, its text as the results have it, and its text now.
fn documents(results: &Results) -> Result<Vec<(&'static str, String, String)>, Error> {
    let mut documents = Vec::new();
    for (path, mark, table) in [
        ("docs/performance.md", "tables", tables(results)?),
        ("README.md", "figures", five(results, FIVE)?),
        ("README.zh-CN.md", "figures", five(results, FIVE_IN_CHINESE)?),
    ] {
        let (begin, end) = (format!("<!-- {mark} -->\n"), format!("<!-- /{mark} -->"));
        let now = fs::read_to_string(file(path)).unwrap_or_default();
        if let Some((before, rest)) = now.split_once(&begin) {
            let (_, after) = rest.split_once(&end).ok_or_else(|| format!("{path} has no {end}"))?;
            documents.push((path, format!("{before}{begin}\n{table}\n{end}{after}"), now.clone()));
        }
    }
    Ok(documents)
}

/// Writes the results into their file and the documents.
pub(crate) fn render(results: &Results) -> Result<(), Error> {
    fs::write(file("benches/results.json"), results.json()?)?;
    let results = &Results::committed()?;
    documents(results)?.iter().try_for_each(|(path, text, _)| Ok(fs::write(file(path), text)?))
}

#[test]
fn the_documents_show_the_results() {
    let documents = documents(&Results::committed().unwrap()).unwrap();
    assert!(documents.iter().any(|(path, _, _)| *path == "docs/performance.md"));
    for (path, rendered, now) in documents {
        assert!(now == rendered, "{path} is not as `make bench-render` writes it");
    }
}
