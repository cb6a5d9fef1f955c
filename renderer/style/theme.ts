import { Badge, createTheme, Drawer, Modal, type CSSVariablesResolver } from "@mantine/core";

export const theme = createTheme({
  fontFamily: 'system-ui, "Noto Sans", "Noto Sans CJK SC", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "DejaVu Sans Mono", monospace',
  primaryShade: { light: 8, dark: 8 },
  autoContrast: true,
  luminanceThreshold: 0.3,
  components: {
    // What a badge says is often a sentence, and capitals are hard to read.
    Badge: Badge.extend({ defaultProps: { tt: "none" } }),
    Modal: Modal.extend({ styles: { title: { fontWeight: 650 } } }),
    Drawer: Drawer.extend({ styles: { title: { fontWeight: 650 } } }),
  },
  headings: { sizes: { h1: { fontSize: "1.6rem" } } },
});

/** The standard greys and tints miss the contrast that text of this size needs. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-dimmed": "#5c636a",
    "--mantine-color-anchor": "#1864ab",
    "--mantine-color-blue-light-color": "#124e87",
    "--mantine-color-teal-light-color": "#055c42",
    "--mantine-color-yellow-light-color": "#7a4300",
    "--mantine-color-red-light-color": "#a51111",
    "--mantine-color-orange-light-color": "#7a3200",
  },
  dark: { "--mantine-color-dimmed": "#a6a6a6" },
});
