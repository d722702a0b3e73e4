//! FinSpace kdb users.

use serde_json::{Map, Value, json};

use super::names::{self, CLIENT_TOKEN, IAM_ROLE, KX_ENVIRONMENT, KX_USER};
use super::operation::Operation;
use super::protocol::{Answer, Problem};
use super::sagemaker::Moment;
use super::tokens::{Token, Tokens};
use super::world::{Environment, KxUser, World};

/// FinSpace's part of the state.
pub(super) struct Part<'a> {
    pub world: &'a mut World,
    pub tokens: &'a mut Tokens,
}

pub(super) fn create(
    part: &mut Part<'_>,
    input: &Map<String, Value>,
    at: Moment,
) -> Result<Answer, Problem> {
    let (name, role) = (
        names::required(input, &KX_USER)?,
        names::required(input, &IAM_ROLE)?,
    );
    once(part, Operation::CreateKxUser, input, at, |world, id| {
        let environment = environment(world, id)?;
        if environment.users.contains_key(name) {
            let message = format!("User {name} already exists in environment {id}.");
            return Err(Problem::new(409, "ResourceAlreadyExistsException", message));
        }
        environment.users.insert(
            name.to_owned(),
            KxUser {
                iam_role: role.to_owned(),
            },
        );
        Ok(Answer::written(body(world, id, name, role)))
    })
}

pub(super) fn get(part: &mut Part<'_>, input: &Map<String, Value>) -> Result<Answer, Problem> {
    let id = names::required(input, &KX_ENVIRONMENT)?;
    let name = names::required(input, &KX_USER)?;
    let user = environment(part.world, id)?
        .users
        .get(name)
        .ok_or_else(|| no_user(id, name))?;
    let role = user.iam_role.clone();
    Ok(Answer::read(body(part.world, id, name, &role)))
}

pub(super) fn update(
    part: &mut Part<'_>,
    input: &Map<String, Value>,
    at: Moment,
) -> Result<Answer, Problem> {
    let (name, role) = (
        names::required(input, &KX_USER)?,
        names::required(input, &IAM_ROLE)?,
    );
    once(part, Operation::UpdateKxUser, input, at, |world, id| {
        let user = environment(world, id)?
            .users
            .get_mut(name)
            .ok_or_else(|| no_user(id, name))?;
        user.iam_role = role.to_owned();
        Ok(Answer::written(body(world, id, name, role)))
    })
}

pub(super) fn delete(
    part: &mut Part<'_>,
    input: &Map<String, Value>,
    at: Moment,
) -> Result<Answer, Problem> {
    let name = names::required(input, &KX_USER)?;
    once(part, Operation::DeleteKxUser, input, at, |world, id| {
        let removed = environment(world, id)?.users.remove(name);
        removed
            .map(|_| Answer::written(json!({})))
            .ok_or_else(|| no_user(id, name))
    })
}

/// Does something unless its client token says that it was done. Only what succeeded is remembered.
fn once(
    part: &mut Part<'_>,
    operation: Operation,
    input: &Map<String, Value>,
    at: Moment,
    act: impl FnOnce(&mut World, &str) -> Result<Answer, Problem>,
) -> Result<Answer, Problem> {
    let id = names::required(input, &KX_ENVIRONMENT)?;
    names::optional(input, &CLIENT_TOKEN)?;
    match part.tokens.look_up(operation, id, input, at.now) {
        Token::Repeated(answer) => return Ok(answer),
        // What FinSpace answers is not documented. ConflictException, whose `reason` is for the like, is what
        // other services with that error answer (ECS RunTask: "the provided clientToken is already in use").
        Token::Reused => {
            let message = "The clientToken was used for a request with other parameters.";
            let problem = Problem::new(409, "ConflictException", message);
            return Err(Problem {
                reason: Some("clientToken"),
                ..problem
            });
        }
        Token::New => {}
    }
    let answer = act(part.world, id)?;
    part.tokens.keep(operation, id, input, &answer, at.now);
    Ok(answer)
}

fn environment<'a>(world: &'a mut World, id: &str) -> Result<&'a mut Environment, Problem> {
    world.finspace.environments.get_mut(id).ok_or_else(|| {
        Problem::new(
            404,
            "ResourceNotFoundException",
            format!("Environment {id} does not exist."),
        )
    })
}

fn no_user(id: &str, name: &str) -> Problem {
    let message = format!("User {name} does not exist in environment {id}.");
    Problem::new(404, "ResourceNotFoundException", message)
}

fn body(world: &World, id: &str, name: &str, role: &str) -> Value {
    let arn = format!(
        "arn:aws:finspace:{}:{}:kxEnvironment/{id}/kxUser/{name}",
        world.region, world.account
    );
    json!({"userName": name, "userArn": arn, "environmentId": id, "iamRole": role})
}
