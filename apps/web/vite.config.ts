import { defineConfig } from "vite";

// relative addresses: the folder may lie anywhere on a server
export default defineConfig({
  base: "./",
  build: { outDir: "build/page", target: "es2022", modulePreload: false, assetsInlineLimit: 0 },
  worker: { format: "es" },
});
