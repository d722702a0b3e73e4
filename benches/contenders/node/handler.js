// The job of benches/contenders in Node: one event about a person, three targets, each read and then written if it differs.
"use strict";

const { isDeepStrictEqual } = require("node:util");
const { SageMakerClient, DescribeUserProfileCommand, UpdateUserProfileCommand } = require("@aws-sdk/client-sagemaker");
const { DataZoneClient, GetUserProfileCommand, UpdateUserProfileCommand: UpdateLakeProfileCommand } = require("@aws-sdk/client-datazone");

const [STUDIO, LAB, LAKE] = ["d-studio", "d-lab", "dzd_lake"];
const ROLE = "arn:aws:iam::111122223333:role/";
const INSTANCES = new Map(
  Array.from({ length: 49 }, (_, n) => [`Department ${n + 1}`, `ml.t3.${["medium", "large", "xlarge"][(n + 1) % 3]}`]),
);

const sagemaker = new SageMakerClient({});
const datazone = new DataZoneClient({});

/** The user settings in each SageMaker domain. */
function desired(detail) {
  const studio = {
    ExecutionRole: `${ROLE}studio-${detail.team.toLowerCase()}`,
    SharingSettings: { NotebookOutputOption: "Disabled" },
  };
  const instance = INSTANCES.get(detail.department);
  if (instance) {
    studio.JupyterLabAppSettings = { DefaultResourceSpec: { InstanceType: instance } };
  }
  const lab = { ExecutionRole: `${ROLE}lab-${detail.team.toLowerCase()}` };
  return [[STUDIO, studio], [LAB, lab]];
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** Objects member by member, anything else as it is wanted. */
function merged(observed, wanted) {
  if (!isObject(observed) || !isObject(wanted)) {
    return wanted;
  }
  const members = Object.entries(wanted).map(([name, value]) => [name, merged(observed[name], value)]);
  return { ...observed, ...Object.fromEntries(members) };
}

async function userProfile(DomainId, UserProfileName, wanted) {
  const read = await sagemaker.send(new DescribeUserProfileCommand({ DomainId, UserProfileName }));
  const observed = read.UserSettings ?? {};
  const whole = Object.entries(wanted).map(([member, value]) => [member, merged(observed[member], value)]);
  const differs = whole.filter(([member, value]) => !isDeepStrictEqual(value, observed[member]));
  if (differs.length === 0) {
    return "unchanged";
  }
  const UserSettings = Object.fromEntries(differs);
  await sagemaker.send(new UpdateUserProfileCommand({ DomainId, UserProfileName, UserSettings }));
  return "updated";
}

async function lakeProfile(userIdentifier) {
  const target = { domainIdentifier: LAKE, userIdentifier };
  const observed = await datazone.send(new GetUserProfileCommand(target));
  // A profile moves within its pair of statuses.
  const status = ["ACTIVATED", "DEACTIVATED"].includes(observed.status) ? "ACTIVATED" : "ASSIGNED";
  if (observed.status === status) {
    return "unchanged";
  }
  await datazone.send(new UpdateLakeProfileCommand({ ...target, status }));
  return "updated";
}

/** CloudWatch's embedded metric format. */
function metric(updated) {
  const metrics = { Namespace: "People", Dimensions: [["service"]], Metrics: [{ Name: "Updated", Unit: "Count" }] };
  return { _aws: { Timestamp: Date.now(), CloudWatchMetrics: [metrics] }, service: "people", Updated: updated };
}

exports.handle = async (event, context) => {
  if (event.source !== "acme.hr" || !["Person Onboarded", "Person Moved"].includes(event["detail-type"])) {
    return { outcomes: [] };
  }
  const { detail } = event;
  const work = desired(detail).map(([domain, wanted]) => userProfile(domain, detail.userName, wanted));
  const outcomes = await Promise.all([...work, lakeProfile(detail.identityCenterUserId)]);
  const line = { level: "INFO", timestamp: new Date().toISOString(), message: "event", requestId: context.awsRequestId, eventId: event.id, outcomes };
  console.log(JSON.stringify(line));
  console.log(JSON.stringify(metric(outcomes.filter((outcome) => outcome === "updated").length)));
  return { outcomes };
};
