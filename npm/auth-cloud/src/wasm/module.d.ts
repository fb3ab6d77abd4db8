/** A `.wasm` file that is imported is a compiled module in Workers. */
declare module '*.wasm' {
  const module: WebAssembly.Module;
  export default module;
}
