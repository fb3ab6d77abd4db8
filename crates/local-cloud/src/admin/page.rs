//! The admin page. Its script fills the tables and refreshes them; the page itself holds no data.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};

use crate::cloud::Cloud;
use crate::fault::endpoints;
use crate::pages::frame;

/// The faults that the page offers: a label, and the body for the JSON route.
const FAULTS: [(&str, &str); 18] = [
    ("Slow: 2 s", r#"{"kind":"delay","ms":2000}"#),
    ("No answer", r#"{"kind":"drop"}"#),
    ("500", r#"{"kind":"status","status":500}"#),
    ("503", r#"{"kind":"status","status":503}"#),
    ("429", r#"{"kind":"status","status":429}"#),
    ("ok: false on 200", r#"{"kind":"ok_false"}"#),
    ("HTML, 502", r#"{"kind":"html"}"#),
    ("HTML, 200", r#"{"kind":"html_ok"}"#),
    ("Truncated JSON", r#"{"kind":"truncated"}"#),
    ("Cut off body", r#"{"kind":"cut"}"#),
    ("Empty body", r#"{"kind":"empty"}"#),
    ("300 MB body", r#"{"kind":"huge"}"#),
    ("Wrong types", r#"{"kind":"wrong_types"}"#),
    ("Dripping body", r#"{"kind":"drip"}"#),
    ("Done, then no answer", r#"{"kind":"lost"}"#),
    ("Bare error, 500", r#"{"kind":"bare_error","status":500}"#),
    ("Text, 500", r#"{"kind":"text_error","status":500}"#),
    (
        "No memberOrgIds",
        r#"{"kind":"without","member":"memberOrgIds"}"#,
    ),
];

pub(super) async fn page(State(cloud): State<Arc<Cloud>>) -> Response {
    match cloud.people() {
        Ok(users) => frame("Admin", "wide", &content(&cloud, &users)).into_response(),
        Err(error) => super::super::answer::ApiError::from(error)
            .0
            .into_response(),
    }
}

fn content(cloud: &Cloud, users: &[crate::store::User]) -> Markup {
    html! {
        nav { a href="/" { "Front page" } }
        h1 { "Admin" }
        p #status role="status" aria-live="polite" { "Loading…" }
        section.card aria-labelledby="sessions-title" {
            h2 #sessions-title { "Sessions" }
            div.scroll tabindex="0" role="region" aria-labelledby="sessions-title" { table.sessions {
                thead { tr { th scope="col" { "Person" } th scope="col" { "Session" } th scope="col" { "Project" } th scope="col" { "Began" } th scope="col" { "State" } th scope="col" { span.hidden { "Action" } } } }
                tbody #sessions {}
            } }
        }
        div.columns {
            section.card aria-labelledby="people-title" {
                h2 #people-title { "People" }
                ul.rows { @for user in users {
                    li {
                        span { strong { (user.name) } br; small { (user.email) } }
                        label { span.hidden { "Role of " (user.name) }
                            select data-user=(user.id) { @if user.role.is_empty() { option value="" { "no organization" } }
                                @for role in cloud.roles() { option value=(role) selected[role == user.role] { (role) } } }
                        }
                        button.quiet type="button" data-copy-token=(user.id) { "Copy a token" span.hidden { " of " (user.name) } }
                        button.quiet type="button" data-end-user=(user.id) { "End all" span.hidden { " sessions of " (user.name) } }
                    }
                } }
            }
            section.card aria-labelledby="keys-title" {
                h2 #keys-title { "Signing keys" }
                ul.rows #keys {}
                p.actions { button.quiet type="button" #rotate { "Rotate" } }
            }
        }
        section.card aria-labelledby="faults-title" {
            h2 #faults-title { "Faults" }
            form.faults #fault-form {
                label { "What" select name="fault" { @for (label, json) in FAULTS { option value=(json) { (label) } } } }
                label { "Where" select name="endpoint" { @for name in endpoints(cloud.dialect) { option { (name) } } } }
                label { "How often" input name="times" type="number" min="1" placeholder="until cleared"; }
                button type="submit" { "Switch on" }
                button.quiet type="button" #clear { "Clear all" }
            }
            ul.rows #faults {}
        }
        section.card aria-labelledby="log-title" {
            h2 #log-title { "Last API requests" }
            div.scroll tabindex="0" role="region" aria-labelledby="log-title" { table {
                thead { tr { th scope="col" { "When" } th scope="col" { "Endpoint" } th scope="col" { "Status" } th scope="col" { "Time" } } }
                tbody #log {}
            } }
        }
        script src="/assets/admin.js" defer {}
    }
}
