import { Alert, Button, Checkbox, Code, Group, Modal, PasswordInput, Stack, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useEffect, useState, type ReactElement } from "react";
import type { Answer, Question } from "../../contract/inventory";
import type { KeyStorageState } from "../../contract/secrets";
import { visible } from "../../contract/visible";
import { request } from "../api";
import { useWords, type Words } from "../i18n/words";
import { ask, useStore } from "../state/store";

/** The oldest question that waits for the person at the desktop. Closing it refuses; Enter accepts no key. */
export function QuestionDialog(): ReactElement | null {
  const question = useStore((state) => state.questions[0]);
  return question === undefined ? null : <Asked key={question.questionId} question={question} />;
}

function titleOf(question: Question, { word }: Words): string {
  const file = question.kind === "passphrase" ? question.identityFile : "";
  const user = "user" in question ? question.user : "";
  return word(`ui/q.${question.kind}`, { node: question.node, file, user });
}

function Asked({ question }: { readonly question: Question }): ReactElement {
  const words = useWords();
  const { word } = words;
  const prompts = question.kind === "prompts" ? question.prompts : [{ text: titleOf(question, words), echo: false }];
  const [replies, setReplies] = useState<readonly string[]>(prompts.map(() => ""));
  const [isForAllHosts, setForAllHosts] = useState(false);
  const [isToKeep, setToKeep] = useState(false);
  const answer = (given: Answer): void =>
    void ask(request("question:answer", { questionId: question.questionId, answer: given }));
  const isKey = question.kind === "host-key-unknown";
  const reply = (): Answer => {
    if (isKey) return { kind: "accept" };
    return question.kind === "prompts"
      ? { kind: "replies", replies: [...replies] }
      : { kind: "secret", secret: replies[0] ?? "", keep: isToKeep, forAllHosts: isForAllHosts };
  };
  return (
    <Modal
      opened
      onClose={() => answer({ kind: "refuse" })}
      title={titleOf(question, words)}
      size="lg"
      closeButtonProps={{ "aria-label": word("ui/refuse") }}
    >
      <Stack
        component="form"
        onSubmit={(event) => {
          event.preventDefault();
          answer(reply());
        }}
      >
        {isKey && (
          <>
            <Text size="sm">{word("ui/q.host-key-help")}</Text>
            <Code block fz="md">{`${question.address}\n${question.keyType}\n${question.fingerprint}`}</Code>
          </>
        )}
        {"attempt" in question && question.attempt > 1 && (
          <Alert color="orange" icon={<IconAlertTriangle aria-hidden />}>
            {word("ui/q.wrong", { attempt: question.attempt })}
          </Alert>
        )}
        <HostWords question={question} />
        {!isKey &&
          prompts.map((prompt, at) => (
            <PasswordInput
              key={at}
              label={visible(prompt.text)}
              data-autofocus={at === 0 || undefined}
              defaultVisible={prompt.echo}
              value={replies[at] ?? ""}
              onChange={(event) => {
                const text = event.currentTarget.value;
                setReplies((now) => now.map((one, index) => (index === at ? text : one)));
              }}
            />
          ))}
        {question.kind === "password" && (
          <Checkbox
            label={word("ui/q.for-all-hosts", { user: question.user })}
            checked={isForAllHosts}
            onChange={(event) => setForAllHosts(event.currentTarget.checked)}
          />
        )}
        {!isKey && question.kind !== "prompts" && <Keep isToKeep={isToKeep} choose={setToKeep} />}
        <Group>
          {/* An unknown host key is accepted by no key that was pressed for something else. */}
          <Button variant="default" onClick={() => answer({ kind: "refuse" })} data-autofocus={isKey || undefined}>
            {word("ui/refuse")}
          </Button>
          <Button type="submit">{word(isKey ? "ui/accept" : "ui/answer")}</Button>
        </Group>
      </Stack>
    </Modal>
  );
}

/** Offered only where it would be safe; elsewhere the reason stands in its place. */
function Keep({
  isToKeep,
  choose,
}: {
  readonly isToKeep: boolean;
  readonly choose: (isToKeep: boolean) => void;
}): ReactElement | null {
  const { word } = useWords();
  const [storage, setStorage] = useState<KeyStorageState | null>(null);
  useEffect(() => {
    void ask(request("secrets:read", undefined)).then((found) => setStorage(found?.storage ?? null));
  }, []);
  if (storage === null) return null;
  if (storage.kind === "none") return <Text size="sm">{word(`store/secrets-${storage.why}`)}</Text>;
  return (
    <Checkbox
      label={word("ui/q.keep", { backend: storage.backend })}
      checked={isToKeep}
      onChange={(event) => choose(event.currentTarget.checked)}
    />
  );
}

/** What the host itself says with its question; text of a host, and shown as such. */
function HostWords({ question }: { readonly question: Question }): ReactElement | null {
  const { word } = useWords();
  if (question.kind !== "password" && question.kind !== "prompts") return null;
  const asked = question.kind === "prompts" ? [question.title, question.instruction] : [];
  const said = [question.banner ?? "", ...asked].filter((text) => text !== "").join("\n");
  if (said === "") return null;
  return (
    <>
      <Text size="sm">{word("ui/q.banner")}</Text>
      <Code block mah={200} style={{ overflow: "auto", whiteSpace: "pre-wrap" }}>
        {visible(said)}
      </Code>
    </>
  );
}
