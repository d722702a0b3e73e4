"""One process of the bursts: 8 threads that take people from the queue until there are none. Prints for how many it failed."""

import socket
import sys
import threading

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

WORKERS = 8
DOMAIN = "d-abc123def456"


def work(client, queue, failed):
    host, port = queue.rsplit(":", 1)
    with socket.create_connection((host, int(port))) as connection:
        lines = connection.makefile("r")
        while True:
            connection.sendall(b"\n")
            person = lines.readline().strip()
            if not person:
                return
            try:
                client.describe_user_profile(DomainId=DOMAIN, UserProfileName=person)
                client.update_user_profile(
                    DomainId=DOMAIN, UserProfileName=person, UserSettings={"SharingSettings": {"NotebookOutputOption": "Allowed"}}
                )
            except (BotoCoreError, ClientError):
                failed.append(person)


def main():
    mode, endpoint, queue = sys.argv[1:]
    client = boto3.client(
        "sagemaker",
        region_name="eu-central-1",
        endpoint_url=endpoint,
        aws_access_key_id="emulator",
        aws_secret_access_key="emulator",
        config=Config(retries={"mode": mode, "total_max_attempts": 10}, max_pool_connections=WORKERS),
    )
    failed = []
    threads = [threading.Thread(target=work, args=(client, queue, failed)) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(len(failed))


if __name__ == "__main__":
    main()
