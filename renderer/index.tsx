import "@mantine/core/styles.css";
import "./style/app.css";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import { begin } from "./state/store";

const root = document.getElementById("root");
if (root === null) throw new Error("the page has no root");
createRoot(root).render(<App />);
void begin();
