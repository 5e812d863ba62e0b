use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Condvar;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use super::*;
use crate::audit::What;
use crate::context::RequestContext;
use crate::types::Timestamp;

/// An event by number.
fn event(number: u32) -> Event {
    Event {
        at: Timestamp::from_millis(i64::from(number)),
        correlation_id: RequestContext::without_request().correlation_id,
        peer: None,
        client: Some("app".parse().unwrap()),
        subject: None,
        login: None,
        scope: None,
        what: What::CutOff,
    }
}

/// The numbers of the events, each whole in a line of its own.
fn numbers(text: &[u8]) -> Vec<u32> {
    assert!(text.is_empty() || text.ends_with(b"\n"), "{text:?}");
    let lines = std::str::from_utf8(text).unwrap().lines();
    lines
        .map(|line| {
            let number = serde_json::from_str::<Value>(line).unwrap()["at"].as_u64().unwrap().try_into().unwrap();
            assert_eq!(line, event(number).to_json());
            number
        })
        .collect()
}

/// A writer in the hands of a test: takes everything, or fails, or makes its thread wait.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<(Mutex<Inside>, Condvar)>);

#[derive(Debug, Default)]
struct Inside {
    text: Vec<u8>,
    full: bool,
    held: bool,
    /// Calls of `write` so far, those that are held included.
    writes: u32,
    flushes: u32,
    panics: bool,
}

impl Disk {
    fn change(&self, change: impl FnOnce(&mut Inside)) {
        change(&mut self.0.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.1.notify_all();
    }

    /// Waits for something that the thread is bound to do.
    fn wait_until(&self, done: impl Fn(&Inside) -> bool) {
        let _done = self.0.1.wait_while(self.0.0.lock().unwrap(), |inside| !done(inside)).unwrap();
    }

    fn numbers(&self) -> Vec<u32> {
        numbers(&self.0.0.lock().unwrap().text)
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (inside, changed) = &*self.0;
        let mut inside = inside.lock().unwrap();
        inside.writes += 1;
        changed.notify_all();
        inside = changed.wait_while(inside, |inside| inside.held).unwrap();
        if inside.panics {
            drop(inside);
            panic!("planted");
        }
        if inside.full {
            return Err(ErrorKind::StorageFull.into());
        }
        inside.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.change(|inside| inside.flushes += 1);
        Ok(())
    }
}

#[test]
fn every_event_is_a_line_in_order_and_close_waits_for_the_last() {
    let disk = Disk::default();
    let sink = JsonLines::to(disk.clone(), 2000).unwrap();
    (0..1000).for_each(|n| sink.record(&event(n)).unwrap());
    sink.close();
    sink.close();
    assert!(disk.numbers().into_iter().eq(0..1000));
    assert_eq!(sink.record(&event(1000)), Err(AuditLost));
    assert_eq!(sink.lost(), 1);
}

#[test]
fn dropping_writes_what_waits() {
    let disk = Disk::default();
    disk.change(|inside| inside.held = true);
    let sink = JsonLines::to(disk.clone(), 2000).unwrap();
    (0..1000).for_each(|n| sink.record(&event(n)).unwrap());
    disk.change(|inside| inside.held = false);
    drop(sink);
    assert_eq!(disk.numbers().len(), 1000);
}

#[test]
fn it_is_flushed_when_the_queue_runs_empty() {
    let disk = Disk::default();
    let sink = JsonLines::to(disk.clone(), 10).unwrap();
    for n in 0..3 {
        sink.record(&event(n)).unwrap();
        disk.wait_until(|inside| inside.flushes > n);
    }
    assert_eq!(disk.numbers(), [0, 1, 2]);
}

#[test]
fn a_full_queue_makes_nobody_wait_and_counts_what_it_loses() {
    let disk = Disk::default();
    disk.change(|inside| inside.held = true);
    let sink = JsonLines::to(disk.clone(), 4).unwrap();
    sink.record(&event(0)).unwrap();
    disk.wait_until(|inside| inside.writes == 1);
    (1..5).for_each(|n| {
        assert_eq!(sink.ready(), Ok(()));
        sink.record(&event(n)).unwrap();
    });
    assert_eq!(sink.ready(), Err(AuditLost));
    (5..8).for_each(|n| assert_eq!(sink.record(&event(n)), Err(AuditLost)));
    assert_eq!(sink.lost(), 3);
    disk.change(|inside| inside.held = false);
    sink.close();
    assert_eq!(disk.numbers(), [0, 1, 2, 3, 4]);
    assert_eq!(sink.lost(), 3);
}

#[test]
fn a_full_disk_is_a_loss_from_then_on_and_mends_with_a_later_event() {
    let disk = Disk::default();
    disk.change(|inside| inside.full = true);
    let sink = JsonLines::to(disk.clone(), 10_000).unwrap();
    let mut accepted = Vec::new();
    // the thread says so at its first attempt
    let failed = (0..).find(|n| sink.record(&event(*n)).map(|()| accepted.push(*n)).is_err()).unwrap();
    let writes = disk.0.0.lock().unwrap().writes;
    assert_eq!(sink.record(&event(failed + 1)), Err(AuditLost));
    disk.wait_until(|inside| inside.writes > writes);
    assert_eq!(sink.lost(), 2);
    disk.change(|inside| inside.full = false);
    // one of the next makes it try again
    let works = (failed + 2..).find(|n| sink.record(&event(*n)).is_ok()).unwrap();
    accepted.push(works);
    sink.close();
    assert!(disk.numbers() == accepted, "what was accepted, once, and nothing else");
    assert_eq!(sink.lost(), u64::from(works - failed));
}

#[test]
fn asking_whether_there_is_room_makes_it_try_again() {
    let disk = Disk::default();
    disk.change(|inside| inside.full = true);
    let sink = JsonLines::to(disk.clone(), 10_000).unwrap();
    while sink.record(&event(0)).is_ok() {}
    let lost = sink.lost();
    disk.change(|inside| inside.full = false);
    // nobody records while it is not ready
    while sink.ready().is_err() {
        std::thread::yield_now();
    }
    sink.record(&event(1)).unwrap();
    sink.close();
    assert_eq!(sink.lost(), lost, "asking loses nothing");
}

#[test]
fn a_disk_that_stays_full_loses_what_was_accepted_when_it_is_closed() {
    let disk = Disk::default();
    disk.change(|inside| (inside.full, inside.held) = (true, true));
    let sink = JsonLines::to(disk.clone(), 1000).unwrap();
    (0..600).for_each(|n| sink.record(&event(n)).unwrap());
    disk.change(|inside| inside.held = false);
    sink.close();
    assert_eq!(sink.lost(), 600);
    assert!(disk.numbers().is_empty());
}

#[test]
fn a_disk_that_has_room_again_when_it_is_closed_gets_what_waits() {
    let disk = Disk::default();
    disk.change(|inside| inside.full = true);
    let sink = JsonLines::to(disk.clone(), 1000).unwrap();
    let accepted: Vec<_> = (0..).take_while(|n| sink.record(&event(*n)).is_ok()).collect();
    disk.wait_until(|inside| inside.writes == 2); // that loss made it try once more
    disk.change(|inside| inside.full = false);
    sink.close();
    assert!(disk.numbers() == accepted);
    assert_eq!(sink.lost(), 1);
}

#[test]
fn a_writer_that_panics_loses_and_leaves_nobody_waiting() {
    let disk = Disk::default();
    disk.change(|inside| (inside.panics, inside.held) = (true, true));
    let sink = JsonLines::to(disk.clone(), 1000).unwrap();
    (0..600).for_each(|n| sink.record(&event(n)).unwrap());
    disk.change(|inside| inside.held = false);
    sink.close();
    assert_eq!(sink.lost(), 600);
    assert_eq!(sink.record(&event(600)), Err(AuditLost));
}

#[test]
fn hostile_texts_stay_in_their_line() {
    let text = "a\"b\\c\r\n{\"at\":1}\u{2028}\u{85}\u{0}\u{1b}[31mé漢\u{1f600}";
    let hostile = Event {
        client: Some("\"},{\"x\":\"~ \\".parse().unwrap()),
        subject: Some("é\u{2028}\"".parse().unwrap()),
        what: What::Faulted { fault: "store.unavailable", detail: text.to_owned() },
        ..event(1)
    };
    let disk = Disk::default();
    let sink = JsonLines::to(disk.clone(), 10).unwrap();
    sink.record(&hostile).unwrap();
    sink.record(&event(2)).unwrap();
    sink.close();
    let written = disk.0.0.lock().unwrap().text.clone();
    let lines: Vec<_> = written.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), 2);
    let parsed: Value = serde_json::from_slice(lines[0]).unwrap();
    assert_eq!(parsed["detail"], text);
    assert_eq!(parsed["client"], "\"},{\"x\":\"~ \\");
    assert_eq!(parsed["event"], "fault");
    assert!(!lines[0].iter().any(|byte| *byte < b' ' && *byte != b'\n'), "no control character in clear");
}

/// A file of its own for each test, removed with the value.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("oauth-core-json-lines-{}-{number}", std::process::id())))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_file_is_continued_and_a_line_that_was_cut_off_stays_alone() {
    let place = Place::new();
    for (n, left_behind) in [(1, ""), (2, ""), (3, "{\"at\":17"), (4, "\n")] {
        let mut file = OpenOptions::new().append(true).create(true).open(&place.0).unwrap();
        file.write_all(left_behind.as_bytes()).unwrap();
        let sink = JsonLines::append(&place.0).unwrap();
        sink.record(&event(n)).unwrap();
        sink.close();
        assert_eq!(sink.lost(), 0);
    }
    let [one, two, three, four] = [1, 2, 3, 4].map(|n| event(n).to_json());
    let expected = format!("{one}\n{two}\n{{\"at\":17\n{three}\n\n{four}\n");
    assert_eq!(std::fs::read_to_string(&place.0).unwrap(), expected);
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error_at_once() {
    assert!(JsonLines::append(std::env::temp_dir()).is_err());
    assert!(JsonLines::append(Place::new().0.join("x")).is_err());
}

#[cfg(unix)]
#[test]
fn a_new_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    JsonLines::append(&place.0).unwrap().close();
    assert_eq!(std::fs::metadata(&place.0).unwrap().permissions().mode() & 0o777, 0o600);
}

#[cfg(target_os = "linux")]
#[test]
fn the_real_full_disk_is_a_loss() {
    let sink = JsonLines::append("/dev/full").unwrap();
    let accepted = (0..).take_while(|n| sink.record(&event(*n)).is_ok()).count();
    sink.close();
    assert_eq!(sink.lost(), accepted as u64 + 1);
}
