//! The forms of the report. Foreign texts are shown without control characters, and secrets were masked before.

use serde_json::{Value, json};

use super::Judged;
use super::probe::Seen;
use super::rule::{Rule, Severity};
use super::rules;
use super::verdict::Verdict;
use crate::table::{BOLD, GREEN, RED, Style, YELLOW, line};
use crate::terminal::{LineEnds, escape};

pub(super) struct Report<'s> {
    seen: &'s Seen,
    judged: Vec<&'s Judged>,
}

impl<'s> Report<'s> {
    pub(super) const fn new(seen: &'s Seen, judged: Vec<&'s Judged>) -> Self {
        Self { seen, judged }
    }

    /// How many rules of this severity are broken.
    pub(super) fn broken(&self, severity: Severity) -> usize {
        let is_broken = |judged: &&&Judged| {
            judged.rule.severity == severity && matches!(judged.verdict, Verdict::Failed(_))
        };
        self.judged.iter().filter(is_broken).count()
    }

    fn count(&self, wanted: fn(&Verdict) -> bool) -> usize {
        let all = self.judged.iter();
        all.filter(|judged| wanted(&judged.verdict)).count()
    }

    fn summary(&self) -> String {
        let passed = self.count(|verdict| *verdict == Verdict::Passed);
        let untested = self.count(|verdict| matches!(verdict, Verdict::NotTested(_)));
        format!(
            "{} rules: {passed} passed, {} must, {} should and {} note failed, {untested} not tested",
            self.judged.len(),
            self.broken(Severity::Must),
            self.broken(Severity::Should),
            self.broken(Severity::Note)
        )
    }

    pub(super) fn table(&self, style: Style) -> String {
        let mut out = String::new();
        let mut group = None;
        for Judged { rule, verdict } in &self.judged {
            if group != Some(rule.group) {
                group = Some(rule.group);
                out.push_str(&format!("\n{}\n", style.paint(BOLD, rule.group.as_str())));
            }
            let mark = match (verdict, rule.severity) {
                (Verdict::Passed, _) => style.paint(GREEN, "ok  "),
                (Verdict::NotTested(_), _) => "-   ".to_owned(),
                (Verdict::Failed(_), Severity::Must) => style.paint(RED, "FAIL"),
                (Verdict::Failed(_), _) => style.paint(YELLOW, "warn"),
            };
            let number = rule.number();
            out.push_str(&format!("  {mark}  {number:>2}  {}\n", rule.title));
            match verdict {
                Verdict::Passed => {}
                Verdict::NotTested(why) => line(&mut out, "not tested", why),
                Verdict::Failed(wrong) => {
                    for (name, text) in self.details(rule, wrong) {
                        line(&mut out, name, &text);
                    }
                }
            }
        }
        let summary = self.summary();
        let colour = if self.broken(Severity::Must) > 0 {
            RED
        } else {
            GREEN
        };
        out.push_str(&format!("\n{}\n", style.paint(colour, &summary)));
        out
    }

    /// What a broken rule has to say, each with its name.
    fn details(&self, rule: &Rule, wrong: &str) -> Vec<(&'static str, String)> {
        let exchange = self.seen.exchanges.get(&rule.probe);
        let mut details = vec![("wrong", wrong.to_owned())];
        if let Some(exchange) = exchange {
            let mut sent = exchange.sent.line.clone();
            for more in exchange.sent.headers.iter().chain(&exchange.sent.body) {
                sent.push_str(&format!("; {more}"));
            }
            details.push(("sent", sent));
            let came = match &exchange.came {
                Ok(answer) => answer.shown(),
                Err(why) => why.clone(),
            };
            details.push(("came", came));
        }
        details.push(("mend", rule.mend.to_owned()));
        details.push(("source", rule.source.to_owned()));
        details
    }

    pub(super) fn json(&self) -> String {
        let rules: Vec<Value> = self.judged.iter().map(|judged| self.one(judged)).collect();
        let report = json!({
            "baseUrl": self.seen.base_url, "dialect": self.seen.dialect, "projectId": self.seen.project_id,
            "requests": self.seen.requests, "broken": self.broken(Severity::Must), "rules": rules,
        });
        escape(&format!("{report:#}\n"), LineEnds::Keep)
    }

    fn one(&self, Judged { rule, verdict }: &Judged) -> Value {
        let (outcome, why) = match verdict {
            Verdict::Passed => ("passed", None),
            Verdict::Failed(why) => ("failed", Some(why)),
            Verdict::NotTested(why) => ("not_tested", Some(why)),
        };
        let exchange = match verdict {
            Verdict::Failed(_) => self.seen.exchanges.get(&rule.probe),
            Verdict::Passed | Verdict::NotTested(_) => None,
        };
        json!({
            "id": rule.id, "group": rule.group, "severity": rule.severity, "title": rule.title, "source": rule.source,
            "mend": rule.mend, "outcome": outcome, "why": why, "exchange": exchange,
        })
    }

    pub(super) fn junit(&self) -> String {
        let failures = self.count(|verdict| matches!(verdict, Verdict::Failed(_)));
        let skipped = self.count(|verdict| matches!(verdict, Verdict::NotTested(_)));
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"mastra-auth check {}\" tests=\"{}\" failures=\"{failures}\" skipped=\"{skipped}\">\n",
            xml(&self.seen.base_url),
            self.judged.len()
        );
        for Judged { rule, verdict } in &self.judged {
            let name = xml(&format!("{} {}", rule.id, rule.title));
            let group = rule.group.as_str();
            out.push_str(&format!(
                "  <testcase classname=\"{group}\" name=\"{name}\""
            ));
            match verdict {
                Verdict::Passed => out.push_str("/>\n"),
                Verdict::NotTested(why) => {
                    let why = xml(why);
                    out.push_str(&format!("><skipped message=\"{why}\"/></testcase>\n"));
                }
                Verdict::Failed(wrong) => {
                    let kind = rule.severity.as_str();
                    let details = self.details(rule, wrong).into_iter();
                    let lines: Vec<_> = details
                        .map(|(name, text)| format!("{name}: {text}"))
                        .collect();
                    let text = lines.join("\n");
                    out.push_str(&format!(
                        "><failure type=\"{kind}\" message=\"{}\">{}</failure></testcase>\n",
                        xml(wrong),
                        xml(&text)
                    ));
                }
            }
        }
        out.push_str("</testsuite>\n");
        out
    }

    pub(super) fn markdown(&self) -> String {
        let mut out = format!(
            "# {} ({}){}\n\n{}\n\n| rule | | what holds | |\n|---|---|---|---|\n",
            cell(&self.seen.base_url),
            self.seen.dialect.as_str(),
            cell(&project(&self.seen.project_id)),
            self.summary()
        );
        for Judged { rule, verdict } in &self.judged {
            let (mark, why) = match verdict {
                Verdict::Passed => ("passed", ""),
                Verdict::NotTested(why) => ("not tested", why.as_str()),
                Verdict::Failed(why) => ("**failed**", why.as_str()),
            };
            let (severity, title) = (rule.severity.as_str(), rule.title);
            out.push_str(&format!(
                "| {} ({severity}) | {mark} | {title} | {} |\n",
                rule.id,
                cell(why)
            ));
        }
        out
    }
}

fn xml(text: &str) -> String {
    let text = escape(text, LineEnds::Keep);
    // Two characters that no XML may hold.
    text.replace(['\u{fffe}', '\u{ffff}'], "?")
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in escape(text, LineEnds::Escape).chars() {
        if "\\`*_[]!@|<>#&".contains(c) {
            out.push_str(&format!("&#{};", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// The project, where the dialect has one.
pub(super) fn project(id: &str) -> String {
    if id.is_empty() {
        return String::new();
    }
    format!(", project {id}")
}

/// All rules, a line each.
pub(super) fn list() -> String {
    let mut out = String::new();
    for rule in rules::all() {
        let of = match rule.dialects {
            [only] => only.as_str(),
            [_, _] => "both",
            _ => "all",
        };
        let (id, severity, title) = (rule.id, rule.severity.as_str(), rule.title);
        out.push_str(&format!("{id:14} {severity:6} {of:8}  {title}\n"));
    }
    out
}

/// A rule, with all that it says.
pub(super) fn explained(rule: &Rule) -> String {
    let dialects: Vec<_> = rule.dialects.iter().map(|one| one.as_str()).collect();
    let dialect = dialects.join(", ");
    format!(
        "{}  {}\n\n  severity  {}\n  dialect   {dialect}\n  source    {}\n  mend      {}\n",
        rule.id,
        rule.title,
        rule.severity.as_str(),
        rule.source,
        rule.mend
    )
}
