//! What the tests of the command line work with: a directory for files, the binary, and a stand-in that goes on running.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A directory, and the binary in it.
pub struct Desk {
    place: TempDir,
}

/// What a command said, and how it ended.
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Desk {
    /// With rules that give people the role that an event names, if it is one of these.
    pub fn new(roles: &str) -> Self {
        let desk = Self {
            place: TempDir::new().expect("there is room for a directory"),
        };
        desk.rules(roles);
        desk
    }

    pub fn rules(&self, roles: &str) {
        let rules =
            fs::read_to_string("tests/cmd/given/studio.yaml").expect("it is in the repository");
        let rules = rules.replace("role/studio-*", &format!("role/{roles}"));
        self.write("usher.yaml", &rules);
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).expect("it can be written");
    }

    pub fn append(&self, name: &str, text: &[u8]) {
        let mut file = fs::OpenOptions::new();
        let mut file = file
            .append(true)
            .open(self.path(name))
            .expect("it is there");
        file.write_all(text).expect("it can be written");
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// How many lines of a journal tell of finished events.
    pub fn done(&self, journal: &str) -> usize {
        let text = self.read(journal);
        text.lines()
            .filter(|line| line.starts_with("{\"done\":"))
            .count()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
        command
            .args(arguments)
            .current_dir(self.place.path())
            .env_clear()
            .env("HOME", self.place.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn usher(&self, arguments: &[&str]) -> Done {
        ended(self.command(arguments).output().expect("the binary runs"))
    }

    pub fn usher_reads(&self, arguments: &[&str], input: &[u8]) -> Done {
        let mut command = self.command(arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        // Whoever does not want it need not read it.
        let read = stdin.write_all(input);
        assert!(read.is_ok() || !arguments.contains(&"-"));
        drop(stdin);
        ended(child.wait_with_output().expect("it ends"))
    }
}

pub fn ended(output: Output) -> Done {
    let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
    Done {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// Asks a process to end, as Ctrl-C does.
pub fn interrupt(process: &Child) {
    let asked = Command::new("sh")
        .args(["-c", &format!("kill -INT {}", process.id())])
        .status();
    assert!(asked.is_ok_and(|status| status.success()));
}

/// One line: a person gets a role. Without an id or a time where there is none.
pub fn moved(id: Option<&str>, second: Option<u8>, user: &str, role: &str) -> String {
    let mut event = json!({
        "source": "acme.hr", "detail-type": "Person Moved",
        "detail": {"userName": user, "role": role},
    });
    if let Some(id) = id {
        event["id"] = json!(id);
    }
    if let Some(second) = second {
        event["time"] = json!(format!("2026-03-02T07:00:{second:02}Z"));
    }
    format!("{event}\n")
}

/// `usher emulate`, until it is dropped.
pub struct StandIn {
    process: Child,
    pub url: String,
}

impl StandIn {
    pub fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_usher"))
            .args(["emulate", "--port", "0", "--settle", "0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        let output = process.stdout.as_mut().expect("it is piped");
        BufReader::new(output)
            .read_line(&mut line)
            .expect("it says where it listens");
        let url = line.trim().strip_prefix("AWS_ENDPOINT_URL=");
        Self {
            url: url.expect("a setting").to_owned(),
            process,
        }
    }

    /// Its exit code after it was asked to end.
    pub fn interrupted(mut self) -> Option<i32> {
        interrupt(&self.process);
        self.process.wait().expect("it ends").code()
    }

    pub fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        let host = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).expect("it listens");
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (_, body) = answer.split_once("\r\n\r\n").expect("it has a body");
        serde_json::from_str(body).expect("it is JSON")
    }

    /// The last part of the name of the role that somebody has.
    pub fn role(&self, user: &str) -> String {
        let world = self.ask("GET", "/_usher/world", "");
        let profile = &world["sagemaker"]["domains"]["d-abc123def456"]["userProfiles"][user];
        let role = &profile["describe"]["UserSettings"]["ExecutionRole"];
        let (_, name) = role
            .as_str()
            .and_then(|role| role.split_once('/'))
            .expect("a role");
        name.to_owned()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let killed = self.process.kill();
        let ended = self.process.wait();
        assert!(killed.is_ok() && ended.is_ok() || std::thread::panicking());
    }
}

/// The reports in a file, one to a line.
pub fn reports(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("it can be read");
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("it is JSON"))
        .collect()
}
