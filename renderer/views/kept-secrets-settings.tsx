import { Alert, Button, Group, Stack, Text, Title } from "@mantine/core";
import { useEffect, useState, type ReactElement } from "react";
import type { KeptSecrets, SecretName } from "../../contract/secrets";
import { request } from "../api";
import { useWords, type Words } from "../i18n/words";
import { ask } from "../state/store";

/** Which passwords and passphrases are kept, by name only, and where each is forgotten. */
export function KeptSecretsSettings(): ReactElement {
  const { word, said } = useWords();
  const [secrets, setSecrets] = useState<KeptSecrets | null>(null);
  useEffect(() => {
    void ask(request("secrets:read", undefined)).then(setSecrets);
  }, []);
  const forget = async (name: SecretName | null): Promise<void> => {
    const now = await ask(request("secrets:forget", { name }));
    if (now !== null) setSecrets(now);
  };
  return (
    <Stack mt="xl" gap="xs">
      <Title order={2} size="h3">
        {word("ui/secrets")}
      </Title>
      {secrets !== null && (
        <>
          <Text size="sm">{storageWords(secrets, word)}</Text>
          {secrets.problem !== null && <Alert color="orange">{said(secrets.problem)}</Alert>}
          {secrets.kept.length === 0 && <Text size="sm">{word("ui/secrets.none")}</Text>}
          {secrets.kept.map(({ name, keptAt }) => (
            <Group key={JSON.stringify(name)} justify="space-between" wrap="nowrap">
              <Text size="sm" style={{ overflowWrap: "anywhere" }}>
                {nameWords(name, word)}
                <Text span c="dimmed">
                  {` · ${word("ui/secrets.kept-at", { keptAt })}`}
                </Text>
              </Text>
              <Button
                variant="default"
                flex="none"
                aria-label={`${word("ui/secrets.forget")}: ${nameWords(name, word)}`}
                onClick={() => void forget(name)}
              >
                {word("ui/secrets.forget")}
              </Button>
            </Group>
          ))}
          {secrets.kept.length > 1 && (
            <Group>
              <Button variant="default" onClick={() => void forget(null)}>
                {word("ui/secrets.forget-all")}
              </Button>
            </Group>
          )}
        </>
      )}
    </Stack>
  );
}

function storageWords({ storage }: KeptSecrets, word: Words["word"]): string {
  return storage.kind === "real"
    ? word("ui/secrets.storage", { backend: storage.backend })
    : word(`store/secrets-${storage.why}`);
}

function nameWords(name: SecretName, word: Words["word"]): string {
  if (name.kind !== "password") return word(`ui/secrets.${name.kind}`, name);
  return name.node === null
    ? word("ui/secrets.password-all", { user: name.user })
    : word("ui/secrets.password", { user: name.user, node: name.node });
}
