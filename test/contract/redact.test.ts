import { expect, it } from "vitest";
import { redact } from "../../contract/redact";

/** The forms are those of the named files, commands and answers; the secret is ours. */
it.each([
  "password=hunter2",
  "password: 'hunter2'",
  'password = "hun\\"hunter2"',
  "password=ab,cd;hunter2",
  "primary_conninfo = 'host=p1 user=rep password=hunter2 sslmode=prefer'",
  "primary_conninfo = 'host=p1 password=''hunter2 x'' user=rep'",
  "AWS_SECRET_ACCESS_KEY=hunter2",
  "archive_command: PGBACKREST_REPO1_CIPHER_PASS=hunter2 pgbackrest archive-push %p",
  "PGPASSWORD=hunter2 psql",
  '{"db_password":"hunter2","port":5432}',
  '{"conninfo":"{\\"password\\":\\"hunter2\\"}"}',
  "access_token=hunter2",
  "api-key: hunter2",
  "postgresql://rep:hunter2@10.0.0.1/db",
  "redis://:hunter2@10.0.0.1:6379",
  "requirepass hunter2",
  'masterauth "hunter2"',
  '["requirepass","hunter2"]',
  "sentinel auth-pass mymaster hunter2",
  "redis-cli -h r1 -a hunter2 info",
  "Authorization: Basic hunter2",
  "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----",
])("takes the secret out: %s", (text) => {
  expect(redact(text)).toContain("[removed]");
  expect(redact(text)).not.toContain("hunter2");
});

/** What commands and answers say that only sounds like a secret; a plan that shows one would be refused. */
it.each([
  "password_encryption = scram-sha-256",
  "passfile=/var/lib/postgresql/.pgpass host=p1",
  "psql --no-password -h p1",
  'FATAL: password authentication failed for user "rep"',
  "the tokens of the ring: 256",
  "bypass=on",
  "admin ALL=(root) NOPASSWD: /usr/bin/systemctl stop postgresql@15-main.service",
  "secretary: none",
  "https://example.org:8008/patroni",
  "user@10.0.0.1:/var/lib",
  "requirepass is not set".replace(" is not set", ""),
])("leaves what is none: %s", (text) => {
  expect(redact(text)).toBe(text);
});

it("takes its time over no text, however it is made", () => {
  for (const hostile of ["a_".repeat(30_000), "password".repeat(8_000), "'".repeat(60_000), "x://".repeat(15_000)])
    expect(redact(hostile)).toBe(hostile);
});
