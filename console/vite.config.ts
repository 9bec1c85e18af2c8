import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [react()],
  resolve: {
    alias: Object.fromEntries(
      // The files of the contract that stand alone.
      ['request-path', 'attacks'].map((name) => [
        `#contract/${name}`,
        new URL(`../src/contract/${name}.ts`, import.meta.url).pathname,
      ]),
    ),
  },
  // The daemon puts the nonce of each answer in its place.
  html: { cspNonce: '__CSP_NONCE__' },
  build: {
    target: 'es2023',
    modulePreload: { polyfill: false },
    // Under the content security policy nothing may come from a data: address but pictures.
    assetsInlineLimit: 0,
  },
})
