//! Lines on their way into a writer that may take a part of them, or fail in the middle.

use std::io::{self, ErrorKind, Write};

/// Room that is kept from one batch to the next, in bytes.
const ROOM: usize = 256 * 1024;

/// Lines that are not written yet. What was written once is never written again.
#[derive(Debug)]
pub(super) struct Lines<W> {
    writer: W,
    text: Vec<u8>,
    done: usize,
}

impl<W: Write> Lines<W> {
    pub(super) const fn to(writer: W) -> Self {
        Self { writer, text: Vec::new(), done: 0 }
    }

    pub(super) fn push(&mut self, line: &str) {
        self.text.extend_from_slice(line.as_bytes());
        self.text.push(b'\n');
    }

    /// Writes what is left; when it fails, the next attempt goes on where this one stopped.
    pub(super) fn write(&mut self, flush: bool) -> io::Result<()> {
        while let Some(rest) = self.text.get(self.done..).filter(|rest| !rest.is_empty()) {
            match self.writer.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.done += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.text.clear();
        self.text.shrink_to(ROOM);
        self.done = 0;
        if flush { self.writer.flush() } else { Ok(()) }
    }

    /// How many lines are not written to their end.
    pub(super) fn unwritten(&self) -> usize {
        self.text.iter().skip(self.done).filter(|byte| **byte == b'\n').count()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    /// What a writer answers to one call.
    #[derive(Debug, Clone)]
    enum Answer {
        Fails(ErrorKind),
        Takes(usize),
    }

    /// Answers as it is told, then takes everything.
    struct Scripted(VecDeque<Answer>, Vec<u8>);

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.0.pop_front() {
                Some(Answer::Fails(kind)) => Err(kind.into()),
                Some(Answer::Takes(most)) => {
                    let count = most.min(bytes.len());
                    self.1.extend_from_slice(&bytes[..count]);
                    Ok(count)
                }
                None => self.1.write(bytes),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn however_the_writer_fails_each_line_is_written_once_and_whole(
            batches in prop::collection::vec(prop::collection::vec("[a-z]{0,30}", 0..6), 0..6),
            script in prop::collection::vec(prop_oneof![
                3 => (0..40_usize).prop_map(Answer::Takes),
                1 => prop::sample::select(vec![ErrorKind::StorageFull, ErrorKind::Interrupted]).prop_map(Answer::Fails),
            ], 0..30),
        ) {
            let mut lines = Lines::to(Scripted(script.into(), Vec::new()));
            let mut expected = String::new();
            for batch in batches {
                for line in &batch {
                    lines.push(line);
                    expected += line;
                    expected.push('\n');
                }
                while lines.write(true).is_err() {
                    let whole = lines.writer.1.iter().filter(|byte| **byte == b'\n').count();
                    prop_assert_eq!(lines.unwritten() + whole, expected.lines().count());
                }
            }
            prop_assert_eq!(String::from_utf8(lines.writer.1).unwrap(), expected);
        }
    }
}
