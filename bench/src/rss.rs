//! Resident memory of the quickstart: started on an empty SQLite file, one token issued, then idle.

use std::fs;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::figures::Failure;

const MOST_MB: f64 = 16.0;

/// Starts the binary at this path; whether its memory stays below the target.
pub(crate) fn run(quickstart: &str) -> Result<bool, Failure> {
    let folder = std::env::temp_dir().join(format!("oauth-bench-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let mut command = Command::new(quickstart);
    command.env("BIND", "127.0.0.1:0").env("DATABASE_URL", format!("sqlite:{}/quickstart.db", folder.display()));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let measured = measure(child.id(), BufReader::new(child.stdout.take().ok_or("no output")?));
    child.kill()?;
    child.wait()?;
    fs::remove_dir_all(&folder)?;
    let resident = measured?;
    let reached = resident < MOST_MB;
    println!(
        "quickstart idle: {resident:.1} MB resident, {} (target < {MOST_MB} MB)",
        if reached { "ok" } else { "MISS" }
    );
    Ok(reached)
}

fn measure(pid: u32, output: impl BufRead) -> Result<f64, Failure> {
    let (mut credentials, mut address) = (None, None);
    for line in output.lines() {
        let line = line?;
        if let Some((_, rest)) = line.split_once("-u '") {
            credentials = rest.split_once('\'').map(|(credentials, _)| credentials.to_owned());
        }
        if let Some(listening) = line.strip_prefix("listening on http://") {
            address = Some(listening.to_owned());
            break;
        }
    }
    let credentials = credentials.ok_or("the quickstart printed no command with `-u`")?;
    let answer = ask(&address.ok_or("the quickstart does not listen")?, &STANDARD.encode(credentials))?;
    if !answer.contains("access_token") {
        return Err(format!("no token: {answer}").into());
    }
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    Ok(resident.ok_or("no VmRSS")?.parse::<f64>()? / 1024.0)
}

fn ask(address: &str, basic: &str) -> Result<String, Failure> {
    let body = "grant_type=client_credentials";
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "POST /oauth/token HTTP/1.1\r\nhost: {address}\r\nauthorization: Basic {basic}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
