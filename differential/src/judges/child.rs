//! A judge in another language: a process that reads a token a line and answers a line each.
//!
//! The first line tells it the setting. Then each line is `S` or `K` for the deployment, and the token as a JSON text, since
//! a mutated token may hold a line break. The answer is `ok`, or `no` and a word.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, anyhow, ensure};

use super::Verdict;
use crate::make::Case;
use crate::setting::{Deployment, Setting};

pub(crate) struct Child {
    process: std::process::Child,
    to: Option<BufWriter<ChildStdin>>,
    from: BufReader<ChildStdout>,
}

impl Child {
    pub(crate) fn start(program: &OsStr, script: &Path, setting: &Setting) -> Result<Self> {
        let mut process = Command::new(program)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} did not start", script.display()))?;
        let mut to = BufWriter::new(process.stdin.take().context("no input")?);
        let from = BufReader::new(process.stdout.take().context("no output")?);
        writeln!(to, "{}", setting.line())?;
        Ok(Self {
            process,
            to: Some(to),
            from,
        })
    }

    /// The verdicts on all of them, in order.
    pub(crate) fn judge(&mut self, cases: &[Case<'_>]) -> Result<Vec<Verdict>> {
        let Self { to, from, .. } = self;
        let to = to.as_mut().context("it was ended")?;
        // It answers while it is asked: neither side may wait for the other's buffer.
        std::thread::scope(|scope| {
            let asked = scope.spawn(move || ask(to, cases));
            let mut verdicts = Vec::with_capacity(cases.len());
            let mut line = String::new();
            for _ in cases {
                line.clear();
                ensure!(
                    from.read_line(&mut line)? > 0,
                    "it ended before its last verdict"
                );
                verdicts.push(match line.trim_end().split_once(' ') {
                    None if line.trim_end() == "ok" => Ok(()),
                    Some(("no", word)) => Err(word.to_owned()),
                    _ => return Err(anyhow!("no verdict: {line}")),
                });
            }
            asked
                .join()
                .map_err(|_| anyhow!("the questions ended early"))??;
            Ok(verdicts)
        })
    }
}

fn ask(to: &mut BufWriter<ChildStdin>, cases: &[Case<'_>]) -> Result<()> {
    for case in cases {
        let deployment = match case.deployment {
            Deployment::Secret => 'S',
            Deployment::Keys => 'K',
        };
        writeln!(to, "{deployment} {}", serde_json::to_string(&case.token)?)?;
    }
    Ok(to.flush()?)
}

impl Drop for Child {
    fn drop(&mut self) {
        // The end of its input is the end of its work.
        drop(self.to.take());
        let _ = self.process.wait();
    }
}
