/** A file taken into the bundle as text. */
declare module "*?raw" {
  const text: string;
  // eslint-disable-next-line no-restricted-syntax -- the bundler gives the text by this name
  export default text;
}
