//! The channel as the tasks see it: two methods. Bring your own for NATS, Postgres or what you have.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use mastra_auth_cloud_core::time::Timestamp;

/// Work on a channel.
pub type Working<'a, T> = Pin<Box<dyn Future<Output = Result<T, ChannelError>> + Send + 'a>>;

/// Something that all instances of a deployment reach, and that keeps what it was told until it is over.
///
/// `realm` stands for the deployment: 32 hexadecimal digits, for the name of a table or a channel.
pub trait RevocationChannel: Send + Sync + 'static {
    /// Keeps these for instances that are away, and tells them to those that are there: both or neither. The same message may
    /// come again. One that [needs not be kept](Message::is_kept) is told only.
    ///
    /// Must end within a few seconds; where it fails it is called again with the same messages.
    fn publish<'a>(&'a self, realm: &'a str, messages: &'a [Message]) -> Working<'a, ()>;

    /// Waits for what comes next. The first time, and the first time after an error: listens, then gives all that is kept, so
    /// that nothing falls between the two; in as many parts as it likes.
    ///
    /// More than `most` of what is kept is of no use: of more, those that end last count.
    ///
    /// An error means that something may have been missed. It must not be overlooked that the other end is gone: whoever
    /// waits here asks it now and then whether it is still there.
    fn receive<'a>(&'a self, realm: &'a str, most: usize) -> Working<'a, Received>;
}

/// One revocation as it travels, or a sign-in's callback that was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    text: String,
    until: Timestamp,
    is_kept: bool,
}

impl Message {
    pub(super) const fn revocation(text: String, until: Timestamp) -> Self {
        Self {
            text,
            until,
            is_kept: true,
        }
    }

    pub(super) const fn spent_callback(text: String, until: Timestamp) -> Self {
        Self {
            text,
            until,
            is_kept: false,
        }
    }

    /// What travels: visible ASCII and spaces, up to 1,024 bytes. Equal texts are one revocation. Holds ids, and no token.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Until when it is kept, or is of use.
    pub const fn until(&self) -> Timestamp {
        self.until
    }

    /// Whether it is kept for instances that are away. A used callback is not: one comes with every sign-in, and who was not told asks
    /// the Cloud. To keep it all the same does no harm.
    pub const fn is_kept(&self) -> bool {
        self.is_kept
    }
}

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A part of what is kept and not over. More of it comes.
    Part(Vec<String>),
    /// The last of it, or all: the channel was joined just now.
    Standing {
        /// What is kept.
        texts: Vec<String>,
        /// How many more are kept, which were too many to be given.
        left_out: usize,
    },
    /// What was told since. Empty where there is nothing new but the channel was just seen to be there.
    News(Vec<String>),
}

/// The channel could not do it. Says what failed and never how it was reached: an address may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelError(&'static str);

impl ChannelError {
    /// With a few words for the log.
    pub const fn new(what: &'static str) -> Self {
        Self(what)
    }
}

impl fmt::Display for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for ChannelError {}
