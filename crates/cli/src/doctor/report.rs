//! The report, for people and for scripts. Foreign texts are shown without control characters.

use serde_json::{Value, json};

use super::rules::{Light, RULES, Rule};
use super::visit::Seen;
use crate::check::verdict::Verdict;
use crate::table::{GREEN, RED, Style, YELLOW, line};
use crate::terminal::{LineEnds, escape};

pub(super) struct Report<'s> {
    seen: &'s Seen,
    judged: Vec<(&'static Rule, Result<String, Verdict>)>,
}

impl<'s> Report<'s> {
    pub(super) fn new(seen: &'s Seen) -> Self {
        Self {
            seen,
            judged: RULES
                .iter()
                .map(|rule| (rule, (rule.judge)(seen)))
                .collect(),
        }
    }

    /// How many things are red.
    pub(super) fn red(&self) -> usize {
        self.count(Light::Red)
    }

    fn count(&self, light: Light) -> usize {
        let is_wrong =
            |verdict: &Result<String, Verdict>| matches!(verdict, Err(Verdict::Failed(_)));
        let judged = self.judged.iter();
        judged
            .filter(|(rule, verdict)| rule.light == light && is_wrong(verdict))
            .count()
    }

    pub(super) fn table(&self, style: Style) -> String {
        let mut out = String::new();
        for (rule, verdict) in &self.judged {
            let mark = match (verdict, rule.light) {
                (Ok(_) | Err(Verdict::Passed), _) => style.paint(GREEN, "ok  "),
                (Err(Verdict::NotTested(_)), _) => "-   ".to_owned(),
                (Err(Verdict::Failed(_)), Light::Red) => style.paint(RED, "FAIL"),
                (Err(Verdict::Failed(_)), Light::Yellow) => style.paint(YELLOW, "warn"),
            };
            out.push_str(&format!("{mark}  {:16} {}\n", rule.code, rule.holds));
            match verdict {
                Err(Verdict::Failed(wrong)) => {
                    line(&mut out, "seen", wrong);
                    line(&mut out, "do", rule.mend);
                }
                Err(Verdict::NotTested(why)) => line(&mut out, "not tested", why),
                Ok(seen) if !seen.is_empty() => line(&mut out, "seen", seen),
                Ok(_) | Err(Verdict::Passed) => {}
            }
        }
        let (red, yellow) = (self.red(), self.count(Light::Yellow));
        let colour = match (red, yellow) {
            (0, 0) => GREEN,
            (0, _) => YELLOW,
            _ => RED,
        };
        let summary = format!("{red} red, {yellow} yellow");
        out.push_str(&format!("\n{}\n", style.paint(colour, &summary)));
        out
    }

    pub(super) fn json(&self) -> String {
        let findings: Vec<Value> = self.judged.iter().map(one).collect();
        let report = json!({
            "server": self.seen.server.origin().ascii_serialization(),
            "red": self.red(), "yellow": self.count(Light::Yellow), "findings": findings,
        });
        escape(&format!("{report:#}\n"), LineEnds::Keep)
    }
}

fn one((rule, verdict): &(&Rule, Result<String, Verdict>)) -> Value {
    let (light, seen) = match verdict {
        Ok(seen) => (json!("green"), seen.as_str()),
        Err(Verdict::Passed) => (json!("green"), ""),
        Err(Verdict::Failed(wrong)) => (json!(rule.light), wrong.as_str()),
        Err(Verdict::NotTested(why)) => (json!("not tested"), why.as_str()),
    };
    json!({ "code": rule.code, "light": light, "holds": rule.holds, "seen": seen, "do": rule.mend })
}

/// All that is looked at.
pub(super) fn list(is_json: bool) -> String {
    if is_json {
        let rules = RULES.iter().map(|rule| {
            json!({ "code": rule.code, "light": rule.light, "holds": rule.holds, "do": rule.mend })
        });
        return format!("{:#}\n", Value::Array(rules.collect()));
    }
    let mut out = String::new();
    for rule in &RULES {
        let light = match rule.light {
            Light::Red => "red",
            Light::Yellow => "yellow",
        };
        out.push_str(&format!("{:16}  {light:6}  {}\n", rule.code, rule.holds));
    }
    out
}
