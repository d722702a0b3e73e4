// The loop between the Runtime API and the handler whose file is the first argument: AWS's own client for Node,
// aws-lambda-ric, builds native code when it is installed, which not every machine can. This one does less, so it is no slower.
"use strict";

const http = require("node:http");
const path = require("node:path");

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");

function ask(method, what, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const request = http.request({ agent, host, port, method, headers, path: `/2018-06-01/runtime/invocation/${what}` }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function main() {
  const { handle } = require(path.resolve(process.argv[2]));
  for (;;) {
    const { headers, body } = await ask("GET", "next");
    const awsRequestId = headers["lambda-runtime-aws-request-id"];
    try {
      const answer = await handle(JSON.parse(body), { awsRequestId });
      await ask("POST", `${awsRequestId}/response`, JSON.stringify(answer));
    } catch (error) {
      const problem = { errorType: error.name, errorMessage: error.message, stackTrace: String(error.stack).split("\n") };
      await ask("POST", `${awsRequestId}/error`, JSON.stringify(problem));
    }
  }
}

main();
