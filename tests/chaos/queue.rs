//! What SQS promises of a standard queue, and not more: at least once, in no order, hidden while somebody works on it, and
//! put aside after so many receives (SQS developer guide, visibility timeout, dead-letter queues).

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::random::Random;

/// How long a message that was received is hidden. AWS asks for six times the function's timeout; this is barely more than
/// one, which is worse, and quicker.
pub const HIDDEN: Duration = Duration::from_millis(3200);

/// How often a message is received before it is put aside.
pub const RECEIVES: u32 = 5;

#[derive(Clone)]
pub struct Message {
    pub id: String,
    pub body: String,
    visible: Instant,
    receives: u32,
}

impl Message {
    pub fn new(id: String, body: String, delay: Duration) -> Self {
        Self {
            id,
            body,
            visible: Instant::now() + delay,
            receives: 0,
        }
    }

    /// As the function gets it (Lambda developer guide, SQS).
    pub fn record(&self) -> Value {
        json!({
            "messageId": self.id,
            "receiptHandle": format!("{}-{}", self.id, self.receives),
            "body": self.body,
            "attributes": {"ApproximateReceiveCount": self.receives.to_string(), "SentTimestamp": "1763712000000"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:111122223333:events",
            "awsRegion": "eu-central-1",
        })
    }
}

pub struct Queue(Mutex<Inside>);

struct Inside {
    messages: Vec<Message>,
    done: Vec<Message>,
    aside: Vec<Message>,
    random: Random,
    calm: bool,
}

impl Queue {
    pub fn new(messages: Vec<Message>, random: Random) -> Self {
        Self(Mutex::new(Inside {
            messages,
            done: Vec::new(),
            aside: Vec::new(),
            random,
            calm: false,
        }))
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().expect("no holder of this lock panics")
    }

    /// Up to ten messages that are visible now, in no order.
    pub fn receive(&self) -> Vec<Message> {
        let now = Instant::now();
        let mut inside = self.inside();
        let Inside {
            messages,
            aside,
            random,
            calm,
            ..
        } = &mut *inside;
        let mut place = 0;
        while let Some(message) = messages.get(place) {
            if message.visible <= now && message.receives >= RECEIVES {
                aside.push(messages.swap_remove(place));
            } else {
                place += 1;
            }
        }
        let mut visible: Vec<&mut Message> = messages
            .iter_mut()
            .filter(|message| message.visible <= now)
            .collect();
        random.shuffle(&mut visible);
        visible.truncate(1 + random.below(10) as usize);
        let take = |message: &mut Message| {
            message.receives += 1;
            // Now and then a copy that was not told is handed out as well (SQS developer guide, at-least-once delivery).
            if *calm || !random.percent(3) {
                message.visible = now + HIDDEN;
            }
            message.clone()
        };
        visible.into_iter().map(take).collect()
    }

    pub fn send(&self, message: Message) {
        self.inside().messages.push(message);
    }

    /// Deletes a message that was handled.
    pub fn delete(&self, id: &str) {
        let mut inside = self.inside();
        if let Some(place) = inside.messages.iter().position(|message| message.id == id) {
            let message = inside.messages.swap_remove(place);
            inside.done.push(message);
        }
    }

    /// How many messages are waiting or being worked on.
    pub fn left(&self) -> usize {
        self.inside().messages.len()
    }

    /// No more strange deliveries from now on.
    pub fn calm(&self) {
        self.inside().calm = true;
    }

    pub fn done(&self) -> Vec<Message> {
        self.inside().done.clone()
    }

    pub fn aside(&self) -> Vec<Message> {
        self.inside().aside.clone()
    }

    /// Drives messages back from the dead-letter queue, as an operator does after the trouble is over.
    pub fn drive_back(&self, wanted: impl Fn(&Message) -> bool) -> usize {
        let mut inside = self.inside();
        let (back, aside): (Vec<_>, Vec<_>) = inside.aside.drain(..).partition(wanted);
        inside.aside = aside;
        let driven = back.len();
        inside
            .messages
            .extend(back.into_iter().map(|message| Message {
                receives: 0,
                visible: Instant::now(),
                ..message
            }));
        driven
    }
}
