const type = "sk-ssh-ed25519@openssh.com";
const string = (value: string | Buffer): Buffer => {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};
const publicKey = Buffer.concat([string(type), string(Buffer.alloc(32, 7)), string("ssh:")]);

/** No device is at hand: a file laid out as PROTOCOL.u2f says, which is what ssh-keygen would have written for one. */
export function securityKeyFile(): string {
  const one = Buffer.from([0, 0, 0, 1]);
  const whole = [
    Buffer.from("openssh-key-v1\0"),
    ...["none", "none", ""].map(string),
    one,
    string(publicKey),
    string(""),
  ];
  const body = Buffer.concat(whole)
    .toString("base64")
    .replaceAll(/(.{70})/g, "$1\n");
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

/** Its public half, as it stands beside it. */
export function securityKeyLine(): string {
  return `${type} ${publicKey.toString("base64")} device`;
}
