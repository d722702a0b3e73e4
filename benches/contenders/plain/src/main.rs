//! The job of `benches/contenders` in plain Rust: one event about a person, three targets, each read and then written if it
//! differs.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_config::BehaviorVersion;
use aws_sdk_datazone::types::UserProfileStatus;
use aws_sdk_sagemaker::types::{
    JupyterLabAppSettings, NotebookOutputOption, ResourceSpec, SharingSettings, UserSettings,
};
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use serde_json::{Value, json};

const STUDIO: &str = "d-studio";
const LAB: &str = "d-lab";
const LAKE: &str = "dzd_lake";
const ROLE: &str = "arn:aws:iam::111122223333:role/";

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let job = Job {
        sagemaker: aws_sdk_sagemaker::Client::new(&config),
        datazone: aws_sdk_datazone::Client::new(&config),
    };
    let job = &job;
    run(service_fn(|event: LambdaEvent<Value>| async move {
        job.handle(&event.payload).await
    }))
    .await
}

struct Job {
    sagemaker: aws_sdk_sagemaker::Client,
    datazone: aws_sdk_datazone::Client,
}

impl Job {
    async fn handle(&self, event: &Value) -> Result<Value, Error> {
        let is_ours = event["source"] == "acme.hr"
            && ["Person Onboarded", "Person Moved"].contains(&text(event, "detail-type")?);
        if !is_ours {
            return Ok(json!({"outcomes": []}));
        }
        let detail = &event["detail"];
        let (name, team) = (
            text(detail, "userName")?,
            text(detail, "team")?.to_lowercase(),
        );
        let studio = Wanted {
            role: format!("{ROLE}studio-{team}"),
            sharing: Some(NotebookOutputOption::Disabled),
            instance: instance(text(detail, "department")?),
        };
        let lab = Wanted {
            role: format!("{ROLE}lab-{team}"),
            sharing: None,
            instance: None,
        };
        let (studio, lab, lake) = tokio::try_join!(
            self.user_profile(STUDIO, name, studio),
            self.user_profile(LAB, name, lab),
            self.lake_profile(text(detail, "identityCenterUserId")?),
        )?;
        let outcomes = [studio, lab, lake];
        tracing::info!(id = text(event, "id")?, ?outcomes, "event");
        metric(outcomes.iter().filter(|each| **each == "updated").count());
        Ok(json!({"outcomes": outcomes}))
    }

    async fn user_profile(
        &self,
        domain: &str,
        name: &str,
        wanted: Wanted,
    ) -> Result<&'static str, Error> {
        let read = self.sagemaker.describe_user_profile();
        let read = read.domain_id(domain).user_profile_name(name);
        let observed = read.send().await?.user_settings;
        let Some(differs) = wanted.differs(observed.unwrap_or_else(nothing)) else {
            return Ok("unchanged");
        };
        let write = self.sagemaker.update_user_profile();
        let write = write.domain_id(domain).user_profile_name(name);
        write.user_settings(differs).send().await?;
        Ok("updated")
    }

    async fn lake_profile(&self, user: &str) -> Result<&'static str, Error> {
        let read = self.datazone.get_user_profile();
        let read = read.domain_identifier(LAKE).user_identifier(user);
        let observed = read.send().await?.status;
        // A profile moves within its pair of statuses.
        let status = match observed {
            Some(UserProfileStatus::Activated | UserProfileStatus::Deactivated) => {
                UserProfileStatus::Activated
            }
            _ => UserProfileStatus::Assigned,
        };
        if observed.as_ref() == Some(&status) {
            return Ok("unchanged");
        }
        let write = self.datazone.update_user_profile();
        let write = write.domain_identifier(LAKE).user_identifier(user);
        write.status(status).send().await?;
        Ok("updated")
    }
}

struct Wanted {
    role: String,
    sharing: Option<NotebookOutputOption>,
    instance: Option<&'static str>,
}

impl Wanted {
    /// The first-level members that differ, whole: what is observed, with what is wanted on top.
    fn differs(self, observed: UserSettings) -> Option<UserSettings> {
        let mut sent = nothing();
        if observed.execution_role.as_ref() != Some(&self.role) {
            sent.execution_role = Some(self.role);
        }
        if let Some(option) = self.sharing {
            let before = observed.sharing_settings;
            let mut after = before
                .clone()
                .unwrap_or_else(|| SharingSettings::builder().build());
            after.notebook_output_option = Some(option);
            sent.sharing_settings = Some(after).filter(|after| Some(after) != before.as_ref());
        }
        if let Some(instance) = self.instance {
            let before = observed.jupyter_lab_app_settings;
            let mut after = before
                .clone()
                .unwrap_or_else(|| JupyterLabAppSettings::builder().build());
            let mut resources = after
                .default_resource_spec
                .take()
                .unwrap_or_else(|| ResourceSpec::builder().build());
            resources.instance_type = Some(instance.into());
            after.default_resource_spec = Some(resources);
            sent.jupyter_lab_app_settings =
                Some(after).filter(|after| Some(after) != before.as_ref());
        }
        Some(sent).filter(|sent| *sent != nothing())
    }
}

fn nothing() -> UserSettings {
    UserSettings::builder().build()
}

/// The instance type of a department, `Department 1` to `Department 49`.
fn instance(department: &str) -> Option<&'static str> {
    let number: usize = department.strip_prefix("Department ")?.parse().ok()?;
    (1..50)
        .contains(&number)
        .then(|| ["ml.t3.medium", "ml.t3.large", "ml.t3.xlarge"][number % 3])
}

fn text<'a>(object: &'a Value, name: &str) -> Result<&'a str, Error> {
    object[name]
        .as_str()
        .ok_or_else(|| format!("{name} is missing").into())
}

/// CloudWatch's embedded metric format.
fn metric(updated: usize) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let metrics = json!([{"Namespace": "People", "Dimensions": [["service"]], "Metrics": [{"Name": "Updated", "Unit": "Count"}]}]);
    let line = json!({
        "_aws": {"Timestamp": now.unwrap_or_default().as_millis() as u64, "CloudWatchMetrics": metrics},
        "service": "people",
        "Updated": updated,
    });
    println!("{line}");
}
