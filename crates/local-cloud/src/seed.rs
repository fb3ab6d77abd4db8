//! Who and what a local Cloud starts with: people, roles, projects; built in, or read from TOML.
//!
//! Checked as a whole before anything starts: an id stands once, a role that is given exists, and an unknown field is an
//! error with its line rather than a silence.

use std::collections::BTreeMap;

use serde::Deserialize;

/// People, roles and projects.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    #[serde(default = "default_people")]
    pub(crate) people: Vec<Person>,
    #[serde(default = "default_roles")]
    pub(crate) roles: BTreeMap<String, Vec<String>>,
    #[serde(default = "default_projects")]
    pub(crate) projects: Vec<Project>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Person {
    pub(crate) handle: String,
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) role: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Project {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) redirect_uris: Vec<String>,
}

/// A seed file cannot be used; says where and why.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct SeedError(String);

impl Person {
    pub(crate) fn id(&self) -> String {
        self.id
            .clone()
            .unwrap_or_else(|| format!("usr_{}", self.handle))
    }

    fn answers_to(&self, name: &str) -> bool {
        let id = self.id();
        [
            self.handle.as_str(),
            &id,
            &self.email,
            &self.role,
            &self.name,
        ]
        .iter()
        .any(|own| own.eq_ignore_ascii_case(name))
    }
}

impl Default for Seed {
    fn default() -> Self {
        Self {
            people: default_people(),
            roles: default_roles(),
            projects: default_projects(),
        }
    }
}

impl Seed {
    /// Reads a seed from TOML; what it leaves out is the built-in.
    ///
    /// # Errors
    ///
    /// [`SeedError`] with the line, or with the person, role or project that does not fit.
    pub fn from_toml(text: &str) -> Result<Self, SeedError> {
        let seed: Self = toml::from_str(text).map_err(|error| SeedError(error.to_string()))?;
        seed.check()?;
        Ok(seed)
    }

    fn check(&self) -> Result<(), SeedError> {
        let refuse = |text: String| Err(SeedError(text));
        if self.people.is_empty() || self.projects.is_empty() {
            return refuse("there must be at least one person and one project".into());
        }
        let mut seen = std::collections::BTreeSet::new();
        for person in &self.people {
            let plain = |text: &str| {
                !text.is_empty() && text.len() <= 128 && !text.chars().any(char::is_control)
            };
            if !person
                .handle
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
                || person.handle.is_empty()
            {
                return refuse(format!(
                    "people: handle {:?} must be letters, digits, - or _",
                    person.handle
                ));
            }
            if !plain(&person.name) || !plain(&person.email) || !plain(&person.id()) {
                return refuse(format!(
                    "people: {:?} must have a name, an email and an id of 1 to 128 characters",
                    person.handle
                ));
            }
            if !self.roles.contains_key(&person.role) {
                return refuse(format!(
                    "people: {:?} has the role {:?}, which is not in [roles]",
                    person.handle, person.role
                ));
            }
            for unique in [person.handle.clone(), person.id()] {
                if !seen.insert(unique.clone()) {
                    return refuse(format!("people: {unique:?} stands twice"));
                }
            }
        }
        for project in &self.projects {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
            if project.id.is_empty() || !project.id.bytes().all(allowed) {
                return refuse(format!(
                    "projects: id {:?} must be letters, digits, - _ or .",
                    project.id
                ));
            }
            for uri in &project.redirect_uris {
                if url::Url::parse(uri).is_err() {
                    return refuse(format!(
                        "projects: {:?} has the redirect URI {uri:?}, which is not a URL",
                        project.id
                    ));
                }
            }
        }
        Ok(())
    }

    /// The person that somebody may call by handle, id, e-mail address, role or name.
    pub(crate) fn find(&self, name: &str) -> Option<&Person> {
        self.people
            .iter()
            .find(|person| person.handle.eq_ignore_ascii_case(name))
            .or_else(|| self.people.iter().find(|person| person.answers_to(name)))
    }

    pub(crate) fn project(&self, id: &str) -> Option<&Project> {
        self.projects.iter().find(|project| project.id == id)
    }
}

fn default_people() -> Vec<Person> {
    [
        ("owner", "Olivia Okafor", "olivia@example.com"),
        ("admin", "Anders Holm", "anders@example.com"),
        ("member", "Mei Tanaka", "mei@example.com"),
        ("viewer", "Victor Reyes", "victor@example.com"),
    ]
    .into_iter()
    .map(|(role, name, email)| Person {
        handle: role.into(),
        id: email.split('@').next().map(|part| format!("usr_{part}")),
        name: name.into(),
        email: email.into(),
        role: role.into(),
    })
    .collect()
}

fn default_roles() -> BTreeMap<String, Vec<String>> {
    let grants = |list: &[&str]| list.iter().map(|grant| (*grant).to_owned()).collect();
    BTreeMap::from([
        ("owner".to_owned(), grants(&["*"])),
        (
            "admin".to_owned(),
            grants(&["*:read", "*:write", "*:execute", "*:publish", "*:share"]),
        ),
        ("member".to_owned(), grants(&["*:read", "*:execute"])),
        ("viewer".to_owned(), grants(&["*:read"])),
    ])
}

fn default_projects() -> Vec<Project> {
    vec![Project {
        id: "demo".into(),
        redirect_uris: Vec::new(),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_seed() {
        let seed = Seed::from_toml(include_str!("../../../examples/seed.toml")).unwrap();
        assert!(seed.find("owner").is_some());
        assert!(seed.project("demo").is_some());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (text, part) in [
            ("people = 7", "people"),
            (
                "[[people]]\nhandle = \"a\"\nname = \"A\"\nemail = \"a@b\"\nrole = \"king\"",
                "king",
            ),
            (
                "[[people]]\nhandle = \"a b\"\nname = \"A\"\nemail = \"a@b\"\nrole = \"owner\"",
                "a b",
            ),
            ("[[projects]]\nid = \"p q\"", "p q"),
            (
                "[[projects]]\nid = \"p\"\nredirect_uris = [\"nowhere\"]",
                "nowhere",
            ),
            ("surprise = true", "surprise"),
            ("people = []", "at least one"),
        ] {
            let error = Seed::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn people_are_found_by_any_of_their_names() {
        let seed = Seed::default();
        for name in ["member", "MEI@example.com", "usr_mei", "Mei Tanaka"] {
            assert_eq!(
                seed.find(name).map(|person| person.handle.as_str()),
                Some("member"),
                "{name}"
            );
        }
        assert!(seed.find("nobody").is_none());
    }
}
