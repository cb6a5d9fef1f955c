import { describe, expect, it } from "vitest";
import { etcdLogs } from "../../main/engine/etcd/logs";
import { zookeeperLogs } from "../../main/engine/zookeeper/logs";

/** Lines as real servers wrote them: etcd 3.4.23 and ZooKeeper 3.8.0 of Debian 12. */
const etcdLines: readonly (readonly [string, string])[] = [
  [
    "leader-elected",
    "raft2026/11/24 10:54:28 INFO: raft.node: 245d8944a77cbc6d elected leader 8ecc3f251dea0ec0 at term 2",
  ],
  ["leader-elected", "raft2026/11/24 10:54:28 INFO: 8ecc3f251dea0ec0 became leader at term 2"],
  ["leader-lost", "raft2026/11/24 10:54:32 INFO: raft.node: 8ecc3f251dea0ec0 lost leader 8ecc3f251dea0ec0 at term 2"],
  [
    "leader-lost",
    "2026-11-24 10:54:31.193937 W | rafthttp: lost the TCP streaming connection with peer 6fb07bcc3cf1976f (stream MsgApp v2 reader)",
  ],
  [
    "peer-unreachable",
    "2026-11-24 10:54:32.858117 W | rafthttp: health check for peer 245d8944a77cbc6d could not connect: dial tcp 127.0.1.1:2380: connect: connection refused",
  ],
];
const zookeeperLines: readonly (readonly [string, string])[] = [
  [
    "election",
    "2026-11-23 22:38:51,824 - INFO  [QuorumPeer[myid=1](plain=[0:0:0:0:0:0:0:0]:2181)(secure=disabled):Follower@77] - FOLLOWING - LEADER ELECTION TOOK - 369 MS",
  ],
];

const codeOf = (logs: typeof etcdLogs | typeof zookeeperLogs, line: string): string | undefined =>
  logs.patterns.find(({ pattern }) => pattern.test(line))?.code;

describe("lines of real logs", () => {
  it.each(etcdLines)("recorded: etcd / G: %s", (code, line) => {
    expect(codeOf(etcdLogs, line)).toBe(`etcd/log.${code}`);
  });

  it.each(zookeeperLines)("recorded: zookeeper / G: %s", (code, line) => {
    expect(codeOf(zookeeperLogs, line)).toBe(`zookeeper/log.${code}`);
  });

  it("tell their time where they have one", () => {
    expect(etcdLogs.timeOf(etcdLines[3]?.[1] ?? "")).toBe(Date.parse("2026-11-24T10:54:31.193Z"));
    expect(zookeeperLogs.timeOf(zookeeperLines[0]?.[1] ?? "")).toBe(Date.parse("2026-11-23T22:38:51.824Z"));
    expect(etcdLogs.timeOf("no time")).toBeNull();
  });
});
