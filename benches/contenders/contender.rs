//! Who takes part: how each is built or installed, and started. All that is made goes into the target directory.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::job;

/// A function that can be started.
pub struct Contender {
    pub name: &'static str,
    pub command: Vec<String>,
    /// Settings of its own.
    pub environment: Vec<(&'static str, String)>,
    /// The deployment package, zipped, in bytes.
    pub artefact: Option<u64>,
    /// Whether it does the job, or nothing.
    pub works: bool,
}

/// Where things are, and binaries that are there already.
pub struct Places {
    /// This directory in the repository.
    pub sources: PathBuf,
    /// Where all that is made goes.
    pub work: PathBuf,
    pub usher: PathBuf,
    pub floor: Option<PathBuf>,
    pub plain: Option<PathBuf>,
    pub python: String,
}

pub const NAMES: [&str; 6] = ["floor", "usher", "plain", "python", "node", "bundle"];

impl Places {
    /// Builds or installs a contender.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub fn prepare(&self, name: &str) -> Result<Contender, String> {
        let made = match name {
            "floor" => self.rust("floor", self.floor.as_deref()),
            "usher" => self.usher(),
            "plain" => self.rust("plain", self.plain.as_deref()),
            "python" => self.python(),
            "node" => self.node("node", "handler.js"),
            "bundle" => self.node("bundle", "bundle/handler.js"),
            _ => return Err(format!("no contender is called {name}")),
        };
        made.map_err(|error| format!("{name}: {error}"))
    }

    fn usher(&self) -> io::Result<Contender> {
        let rules = self.work.join("usher.yaml");
        fs::create_dir_all(&self.work)?;
        fs::write(&rules, job::rules())?;
        Ok(Contender {
            name: "usher",
            command: vec![text(&self.usher)],
            environment: vec![("USHER_RULES", text(&rules))],
            artefact: self.zipped("usher", &self.usher, &[]),
            works: true,
        })
    }

    fn rust(&self, name: &'static str, built: Option<&Path>) -> io::Result<Contender> {
        let binary = match built {
            Some(binary) => binary.to_owned(),
            None => {
                let manifest = self.sources.join(name).join("Cargo.toml");
                run(Command::new("cargo")
                    .args(["build", "--quiet", "--release", "--locked"])
                    .args([OsStr::new("--manifest-path"), manifest.as_os_str()])
                    .args([OsStr::new("--target-dir"), self.work.as_os_str()]))?;
                self.work.join("release").join(name)
            }
        };
        Ok(Contender {
            name,
            artefact: self.zipped(name, &binary, &[]),
            command: vec![text(&binary)],
            environment: Vec::new(),
            works: name != "floor",
        })
    }

    /// In an environment of its own. Without ensurepip, which some systems pack apart from Python: the machine's own pip
    /// installs into it, bytecode included. What is called `python3` may itself be an environment without pip.
    fn python(&self) -> io::Result<Contender> {
        let sources = self.sources.join("python");
        let machine = printed(
            &self.python,
            "import os, sys; print(os.path.realpath(sys.executable))",
        )?;
        let place = self.work.join("python");
        let interpreter = place.join("bin/python3");
        if !interpreter.exists() {
            run(Command::new(&machine)
                .args(["-m", "venv", "--without-pip"])
                .arg(&place))?;
        }
        run(Command::new(&machine)
            .args(["-m", "pip", "--python"])
            .arg(&interpreter)
            .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(sources.join("requirements.txt")))?;
        let packages = PathBuf::from(printed(
            &interpreter,
            "import sysconfig; print(sysconfig.get_path('purelib'))",
        )?);
        fs::copy(sources.join("handler.py"), packages.join("handler.py"))?;
        run(Command::new(&interpreter)
            .args(["-m", "compileall", "-q"])
            .arg(packages.join("handler.py")))?;
        Ok(Contender {
            name: "python",
            command: [&text(&interpreter), "-m", "awslambdaric", "handler.handle"]
                .map(str::to_owned)
                .to_vec(),
            environment: vec![("LAMBDA_TASK_ROOT", text(&packages))],
            artefact: self.zipped("python", &packages, &["__pycache__"]),
            works: true,
        })
    }

    /// As it is installed, or as one file.
    fn node(&self, name: &'static str, handler: &str) -> io::Result<Contender> {
        let place = self.work.join("node");
        fs::create_dir_all(&place)?;
        let sources = self.sources.join("node");
        for file in [
            "package.json",
            "package-lock.json",
            "handler.js",
            "runtime.js",
        ] {
            fs::copy(sources.join(file), place.join(file))?;
        }
        let npm = |arguments: &[&str]| run(Command::new("npm").args(arguments).current_dir(&place));
        let installed = place.join("node_modules/.package-lock.json");
        if !newer(&installed, &sources.join("package-lock.json")) {
            npm(&[
                "ci",
                "--silent",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
            ])?;
        }
        npm(&["run", "--silent", "bundle", "--", "--log-level=error"])?;
        let package = match name {
            "bundle" => place.join("bundle"),
            _ => place.clone(),
        };
        Ok(Contender {
            name,
            command: [
                "node",
                &text(&place.join("runtime.js")),
                &text(&place.join(handler)),
            ]
            .map(str::to_owned)
            .to_vec(),
            environment: Vec::new(),
            artefact: self.zipped(name, &package, &["esbuild", "@esbuild", "bundle", ".bin"]),
            works: true,
        })
    }

    /// The size of a deployment package made of this file or directory, without the directories of these names.
    fn zipped(&self, name: &str, content: &Path, without: &[&str]) -> Option<u64> {
        const PACK: &str = "
import os, sys, zipfile
out, content, *without = sys.argv[1:]
with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED, compresslevel=9) as package:
    if os.path.isfile(content):
        package.write(content, 'bootstrap')
    for place, directories, files in os.walk(content):
        directories[:] = [each for each in directories if each not in without]
        for file in files:
            whole = os.path.join(place, file)
            package.write(whole, os.path.relpath(whole, content))
";
        let out = self.work.join(format!("{name}.zip"));
        let mut pack = Command::new(&self.python);
        pack.args(["-c", PACK]).arg(&out).arg(content).args(without);
        run(&mut pack).ok()?;
        Some(fs::metadata(out).ok()?.len())
    }
}

/// What a line of Python prints.
fn printed(python: impl AsRef<OsStr>, code: &str) -> io::Result<String> {
    let output = Command::new(python).args(["-c", code]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.trim() {
        "" => Err(io::Error::other(String::from_utf8_lossy(&output.stderr))),
        text => Ok(text.to_owned()),
    }
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    Err(io::Error::other(format!("{command:?}: {said}")))
}

fn newer(file: &Path, than: &Path) -> bool {
    let time = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    time(file).is_some() && time(file) >= time(than)
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
