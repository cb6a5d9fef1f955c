import { Code } from "@mantine/core";
import type { ReactElement } from "react";
import { visible } from "../../contract/visible";

/** What is sent, byte for byte; what would be invisible in it is shown by its number, and nothing is cut off at the edge. */
export function ShownCommand({ text }: { readonly text: string }): ReactElement {
  return (
    <Code block className="shown-command">
      {visible(text)}
    </Code>
  );
}
