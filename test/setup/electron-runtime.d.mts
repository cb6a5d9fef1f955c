/** The path of an Electron program that runs here: the declared one, else a substitute that is fetched once. */
export function electronProgram(): string;
