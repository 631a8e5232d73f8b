//! Reads a stream as Fluvio's http-source 0.5.0 was seen to do: its User-Agent, `Accept: */*`, the
//! status code ignored, records cut at `\n`, what follows the last `\n` thrown away, and the same
//! URL again some 30 ms after any end.
//!
//! Usage: fluvio_like URL LOG [AFTER]
//!
//! Appends one line of JSON to LOG per connection, {"connection":1,"status":200}, and one per
//! record, {"connection":1,"data":"..."}. With AFTER it is the connector that Fluvio's is not: it
//! counts its records, asks for what follows them by adding `after=` to the URL, and adds
//! {"seq":AFTER + n} to each. Without a filter the n-th record has sequence number n.

use std::env;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

const USER_AGENT: &str = "fluvio/http-source-0.5.0";
const RECONNECT_AFTER: Duration = Duration::from_millis(30);
const CHUNK_BYTES: usize = 64 * 1024;

/// Appends `bytes` as a JSON string.
fn append_quoted(line: &mut String, bytes: &[u8]) {
    line.push('"');
    for c in String::from_utf8_lossy(bytes).chars() {
        match c {
            '"' | '\\' => {
                line.push('\\');
                line.push(c);
            }
            c if (c as u32) < 0x20 => {
                let _ = write!(line, "\\u{:04x}", c as u32);
            }
            c => line.push(c),
        }
    }
    line.push('"');
}

struct Reader {
    client: reqwest::blocking::Client,
    url: String,
    log: File,
    connection: u64,
    /// The sequence number of the last whole record, if they are counted.
    last: Option<u64>,
}

impl Reader {
    fn address(&self) -> String {
        match self.last {
            None => self.url.clone(),
            Some(last) => {
                let mark = if self.url.contains('?') { '&' } else { '?' };
                format!("{}{}after={}", self.url, mark, last)
            }
        }
    }

    /// One connection, to its end. Only what the log says of an error is an error here.
    fn read_once(&mut self) -> io::Result<()> {
        self.connection += 1;
        let mut response = match self.client.get(self.address()).send() {
            Ok(response) => response,
            Err(_) => return Ok(()),
        };
        let status = response.status().as_u16();
        writeln!(self.log, "{{\"connection\":{},\"status\":{}}}", self.connection, status)?;
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut held = Vec::new(); // of a record whose end has not come
        loop {
            let count = match response.read(&mut chunk) {
                Ok(0) | Err(_) => return Ok(()), // and what is held is lost
                Ok(count) => count,
            };
            held.extend_from_slice(&chunk[..count]);
            if let Some(end) = held.iter().rposition(|&byte| byte == b'\n') {
                let rest = held.split_off(end + 1);
                held.pop();
                self.file(&held)?;
                held = rest;
            }
        }
    }

    /// Logs whole records in one write, so that a kill between two of them is what it can meet.
    fn file(&mut self, records: &[u8]) -> io::Result<()> {
        let mut lines = String::new();
        for record in records.split(|&byte| byte == b'\n') {
            let _ = write!(lines, "{{\"connection\":{},", self.connection);
            if let Some(last) = self.last.as_mut() {
                *last += 1;
                let _ = write!(lines, "\"seq\":{},", last);
            }
            lines.push_str("\"data\":");
            append_quoted(&mut lines, record);
            lines.push_str("}\n");
        }
        self.log.write_all(lines.as_bytes())
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (url, log, after) = match arguments.as_slice() {
        [url, log] => (url, log, None),
        [url, log, after] => (url, log, Some(after.parse()?)),
        _ => return Err("usage: fluvio_like URL LOG [AFTER]".into()),
    };
    let mut reader = Reader {
        client: reqwest::blocking::Client::builder()
            .user_agent(USER_AGENT)
            .no_proxy()
            .timeout(None)
            .build()?,
        url: url.clone(),
        log: OpenOptions::new().create(true).append(true).open(log)?,
        connection: 0,
        last: after,
    };
    loop {
        reader.read_once()?;
        sleep(RECONNECT_AFTER);
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fluvio_like: {}", error);
            ExitCode::FAILURE
        }
    }
}
