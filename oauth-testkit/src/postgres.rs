//! A PostgreSQL server to throw away.

use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::{env, fs};

/// Says what to do where PostgreSQL is not installed: with the value `required` that is a failure.
const SWITCH: &str = "OAUTH_TEST_POSTGRES";

/// A PostgreSQL server of its own: started from the installed binaries as an unprivileged user, in a directory of its
/// own, reached by a Unix socket there. Server and directory go when this is dropped or the process ends, however it
/// ends.
///
/// It does not wait for the disk (`fsync=off`), and its default collation is a language's, not that of bytes.
#[derive(Debug)]
pub struct PostgresServer {
    directory: PathBuf,
    orders: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    _keeper: Child,
}

impl PostgresServer {
    /// The one server of this process, started at the first call. `None`, with a line on standard error, where
    /// PostgreSQL is not installed; a panic instead when the environment says `OAUTH_TEST_POSTGRES=required`.
    pub fn shared() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<PostgresServer>> = OnceLock::new();
        SERVER.get_or_init(Self::start).as_ref()
    }

    /// A server for one test that stops it, or looks at it as a whole.
    pub fn start() -> Option<Self> {
        let Some(binaries) = binaries() else {
            let missing = "PostgreSQL's `initdb` and `pg_ctl` are not installed";
            assert!(env::var_os(SWITCH).is_none_or(|value| value != "required"), "{missing}, and {SWITCH}=required");
            // past the capture of a test's output, which a passing test would never show
            let _ = writeln!(io::stderr(), "SKIPPED: {missing}; {SWITCH}=required makes this a failure");
            return None;
        };
        let mut keeper = unprivileged("sh");
        keeper.args(["-c", KEEPER, "keeper"]).arg(&binaries);
        let mut keeper =
            keeper.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell starts");
        let orders = keeper.stdin.take().expect("piped");
        let mut answers = BufReader::new(keeper.stdout.take().expect("piped"));
        let directory = PathBuf::from(answer(&mut answers));
        assert!(directory.is_dir(), "PostgreSQL could not be started from {}", binaries.display());
        Some(Self { directory, orders: Mutex::new((orders, answers)), _keeper: keeper })
    }

    /// How to connect, in libpq's `key=value` form; more keys may follow.
    pub fn url(&self) -> String {
        format!("host={} user=test dbname=postgres", self.directory.display())
    }

    /// All that the server has logged; each line begins with `[application_name] `.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).expect("the server's log")
    }

    /// Stops the server; whoever is connected is thrown out.
    pub fn stop(&self) {
        self.order("stop");
    }

    /// Ends the server as a crash does: nothing that is under way is finished, and it has to recover when it starts.
    pub fn crash(&self) {
        self.order("crash");
    }

    /// Starts the server again after [`Self::stop`] or [`Self::crash`].
    pub fn restart(&self) {
        self.order("start");
    }

    fn order(&self, order: &str) {
        let (orders, answers) = &mut *self.orders.lock().expect("nobody panicked");
        writeln!(orders, "{order}").expect("the keeper listens");
        assert_eq!(answer(answers), order, "the keeper did it");
    }
}

/// Starts a server, does what it is told by lines, and cleans up when nobody is left to tell it anything.
const KEEPER: &str = r#"
trap '' INT TERM HUP PIPE
set -e
directory=$(mktemp -d /tmp/oauth-postgres-XXXXXX)
cleanup() { "$1/pg_ctl" -D "$directory/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$directory"; }
trap 'cleanup "$1"' EXIT
initdb() { "$1/initdb" -D "$directory/data" -U test -A trust -E UTF8 -N "$2" "$3" >>"$directory/initdb" 2>&1; }
initdb "$1" --locale-provider=icu --icu-locale=en || { rm -rf "$directory/data"; initdb "$1" --no-locale -N; }
cat >>"$directory/data/postgresql.conf" <<EOF
unix_socket_directories = '$directory'
listen_addresses = ''
fsync = off
full_page_writes = off
max_connections = 300
log_line_prefix = '[%a] '
EOF
start() { "$1/pg_ctl" -D "$directory/data" -l "$directory/log" -w start >/dev/null; }
start "$1"
chmod 755 "$directory"
echo "$directory"
while read -r order; do
    case $order in
        stop) "$1/pg_ctl" -D "$directory/data" -m fast -w stop >/dev/null ;;
        crash) "$1/pg_ctl" -D "$directory/data" -m immediate -w stop >/dev/null ;;
        start) start "$1" ;;
    esac
    echo "$order"
done
"#;

fn answer(answers: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    answers.read_line(&mut line).expect("the keeper speaks");
    line.trim_end().to_owned()
}

/// The directory with `initdb` and `pg_ctl`: on the path, or where Debian, Red Hat and others keep them.
fn binaries() -> Option<PathBuf> {
    let on_path = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let mut versioned: Vec<PathBuf> = ["/usr/lib/postgresql", "/usr/local/lib/postgresql"]
        .iter()
        .filter_map(|parent| fs::read_dir(parent).ok())
        .flat_map(|versions| versions.flatten().map(|version| version.path().join("bin")))
        .collect();
    versioned.sort();
    let elsewhere = ["/usr/pgsql/bin", "/usr/local/pgsql/bin", "/opt/homebrew/bin"].map(PathBuf::from);
    let has_both = |place: &PathBuf| place.join("initdb").exists() && place.join("pg_ctl").exists();
    on_path.into_iter().chain(versioned.into_iter().rev()).chain(elsewhere).find(has_both)
}

/// A command that does not run as root: PostgreSQL refuses to.
fn unprivileged(program: &str) -> Command {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0");
    if !is_root {
        return Command::new(program);
    }
    let exists = |user: &str| Command::new("id").arg(user).output().is_ok_and(|id| id.status.success());
    let user = if exists("postgres") { "postgres" } else { "nobody" };
    let installed = |path: &str| Path::new(path).exists();
    let mut command;
    if installed("/usr/bin/setpriv") {
        command = Command::new("setpriv");
        let group = Command::new("id").args(["-g", user]).output().expect("`id` runs").stdout;
        let group = String::from_utf8(group).expect("a number");
        command.args([format!("--reuid={user}"), format!("--regid={}", group.trim()), "--clear-groups".to_owned()]);
        command.arg(program);
    } else {
        command = Command::new("runuser");
        command.args(["-u", user, "--", program]);
    }
    command
}
