"""The job of benches/contenders in Python: one event about a person, three targets, each read and then written if it differs."""

from concurrent.futures import ThreadPoolExecutor

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config

STUDIO, LAB, LAKE = "d-studio", "d-lab", "dzd_lake"
ROLE = "arn:aws:iam::111122223333:role/"
INSTANCES = {f"Department {n}": f"ml.t3.{('medium', 'large', 'xlarge')[n % 3]}" for n in range(1, 50)}

logger = Logger(service="people")
metrics = Metrics(namespace="People", service="people")
config = Config(retries={"mode": "standard"})
sagemaker = boto3.client("sagemaker", config=config)
datazone = boto3.client("datazone", config=config)
pool = ThreadPoolExecutor(max_workers=3)


def desired(detail):
    """The user settings in each SageMaker domain."""
    studio = {
        "ExecutionRole": f"{ROLE}studio-{detail['team'].lower()}",
        "SharingSettings": {"NotebookOutputOption": "Disabled"},
    }
    if instance := INSTANCES.get(detail["department"]):
        studio["JupyterLabAppSettings"] = {"DefaultResourceSpec": {"InstanceType": instance}}
    lab = {"ExecutionRole": f"{ROLE}lab-{detail['team'].lower()}"}
    return {STUDIO: studio, LAB: lab}


def merged(observed, wanted):
    """Objects member by member, anything else as it is wanted."""
    if not isinstance(observed, dict) or not isinstance(wanted, dict):
        return wanted
    return observed | {name: merged(observed.get(name), value) for name, value in wanted.items()}


def user_profile(domain, name, wanted):
    target = {"DomainId": domain, "UserProfileName": name}
    observed = sagemaker.describe_user_profile(**target).get("UserSettings", {})
    whole = {member: merged(observed.get(member), value) for member, value in wanted.items()}
    differs = {member: value for member, value in whole.items() if value != observed.get(member)}
    if not differs:
        return "unchanged"
    sagemaker.update_user_profile(**target, UserSettings=differs)
    return "updated"


def lake_profile(user):
    observed = datazone.get_user_profile(domainIdentifier=LAKE, userIdentifier=user)
    # A profile moves within its pair of statuses.
    status = "ACTIVATED" if observed["status"] in ("ACTIVATED", "DEACTIVATED") else "ASSIGNED"
    if observed["status"] == status:
        return "unchanged"
    datazone.update_user_profile(domainIdentifier=LAKE, userIdentifier=user, status=status)
    return "updated"


@logger.inject_lambda_context
@metrics.log_metrics
def handle(event, context):
    if event["source"] != "acme.hr" or event["detail-type"] not in ("Person Onboarded", "Person Moved"):
        return {"outcomes": []}
    detail = event["detail"]
    work = [pool.submit(user_profile, domain, detail["userName"], wanted) for domain, wanted in desired(detail).items()]
    work.append(pool.submit(lake_profile, detail["identityCenterUserId"]))
    outcomes = [each.result() for each in work]
    metrics.add_metric(name="Updated", unit=MetricUnit.Count, value=outcomes.count("updated"))
    logger.info("event", extra={"event_id": event["id"], "outcomes": outcomes})
    return {"outcomes": outcomes}
