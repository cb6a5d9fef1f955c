import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { useState, type ReactElement } from "react";
import type { Assessment } from "../../contract/assessment";
import type { ReportFormat } from "../../contract/report";
import { request } from "../api";
import { useWords } from "../i18n/words";
import { ask } from "../state/store";

/** Writes what is seen now to a file. */
export function ReportView({ assessment }: { readonly assessment: Assessment }): ReactElement {
  const { word, language } = useWords();
  const [path, setPath] = useState<string | null>(null);
  const write = (format: ReportFormat): void =>
    void ask(request("report:export", { clusterId: assessment.clusterId, format, language })).then((written) =>
      setPath(written?.path ?? null),
    );
  return (
    <Stack>
      <Text>{word("ui/report-help")}</Text>
      <Group>
        <Button onClick={() => write("html")}>{word("ui/export-html")}</Button>
        <Button variant="default" onClick={() => write("json")}>
          {word("ui/export-json")}
        </Button>
      </Group>
      {path !== null && <Alert color="teal">{word("ui/written", { path })}</Alert>}
    </Stack>
  );
}
