import { Button, Code, Group, Radio, Stack, Text, TextInput, Title } from "@mantine/core";
import { useEffect, useState, type ReactElement } from "react";
import type { Gives } from "../../contract/channels";
import type { HostKeys } from "../../contract/host-keys";
import { visible } from "../../contract/visible";
import { request } from "../api";
import { useWords } from "../i18n/words";
import { ask } from "../state/store";

/** Where a known host key is replaced, by a person who types the host's name; and where stopped passwords are let go on. */
export function HostKeysSettings(): ReactElement {
  const { word } = useWords();
  const [host, setHost] = useState("");
  const [keys, setKeys] = useState<HostKeys | null>(null);
  const [isBusy, setBusy] = useState(false);
  const look = async (): Promise<void> => {
    setBusy(true);
    setKeys(await ask(request("host-key:read", { login: { host } })));
    setBusy(false);
  };
  return (
    <Stack mt="xl">
      <Title order={2} size="h3">
        {word("ui/host-keys")}
      </Title>
      <StoppedPasswords />
      <Text size="sm">{word("ui/host-keys.help")}</Text>
      <Group align="end">
        <TextInput
          label={word("ui/host-keys.host")}
          value={host}
          onChange={(event) => {
            setHost(event.currentTarget.value);
            setKeys(null);
          }}
        />
        <Button variant="default" loading={isBusy} disabled={host === ""} onClick={() => void look()}>
          {word("ui/host-keys.look")}
        </Button>
      </Group>
      {keys !== null && <Replace key={keys.name} host={host} keys={keys} replaced={setKeys} />}
    </Stack>
  );
}

function Replace({
  host,
  keys,
  replaced,
}: {
  readonly host: string;
  readonly keys: HostKeys;
  readonly replaced: (keys: HostKeys) => void;
}): ReactElement {
  const { word } = useWords();
  const [oldFingerprint, setOld] = useState("");
  const [newFingerprint, setNew] = useState("");
  const [typed, setTyped] = useState("");
  const [reason, setReason] = useState("");
  const isWhole = oldFingerprint !== "" && newFingerprint !== "" && typed === keys.name && reason.trim() !== "";
  const replace = async (): Promise<void> => {
    const asked = { login: { host }, typed, oldFingerprint, newFingerprint, reason };
    const now = await ask(request("host-key:replace", asked));
    if (now !== null) replaced(now);
  };
  return (
    <Stack>
      <KeyChoice
        label={word("ui/host-keys.known", { name: keys.name })}
        keys={keys.known}
        chosen={oldFingerprint}
        choose={setOld}
      />
      <KeyChoice label={word("ui/host-keys.presented")} keys={keys.presented} chosen={newFingerprint} choose={setNew} />
      {keys.known.length > 0 && (
        <>
          <TextInput
            label={word("ui/host-keys.type", { name: keys.name })}
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
          />
          <TextInput
            label={word("ui/host-keys.reason")}
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
          <Group>
            <Button color="red" disabled={!isWhole} onClick={() => void replace()}>
              {word("ui/host-keys.replace")}
            </Button>
          </Group>
        </>
      )}
    </Stack>
  );
}

function KeyChoice({
  label,
  keys,
  chosen,
  choose,
}: {
  readonly label: string;
  readonly keys: readonly { readonly keyType: string; readonly fingerprint: string; readonly where?: string }[];
  readonly chosen: string;
  readonly choose: (fingerprint: string) => void;
}): ReactElement {
  const { word } = useWords();
  if (keys.length === 0) return <Text size="sm">{`${label}: ${word("ui/host-keys.none")}`}</Text>;
  return (
    <Radio.Group label={label} value={chosen} onChange={choose}>
      {keys.map(({ keyType, fingerprint, where }) => (
        <Radio
          key={`${fingerprint} ${where ?? ""}`}
          value={fingerprint}
          mt="xs"
          label={<Code>{visible([keyType, fingerprint, where].filter(Boolean).join(" "))}</Code>}
        />
      ))}
    </Radio.Group>
  );
}

function StoppedPasswords(): ReactElement | null {
  const { word } = useWords();
  const [stopped, setStopped] = useState<Gives<"logins:stopped">>([]);
  useEffect(() => {
    void ask(request("logins:stopped", undefined)).then((found) => setStopped(found ?? []));
  }, []);
  const goOn = async (): Promise<void> => {
    await ask(request("logins:ask-again", undefined));
    setStopped([]);
  };
  return (
    <Stack gap="xs">
      <Text size="sm">
        {stopped.length === 0
          ? word("ui/logins.none-stopped")
          : word("ui/logins.stopped", { users: stopped.map(({ user }) => visible(user)).join(", ") })}
      </Text>
      <Group>
        <Button variant="default" onClick={() => void goOn()}>
          {word("ui/logins.ask-again")}
        </Button>
      </Group>
    </Stack>
  );
}
