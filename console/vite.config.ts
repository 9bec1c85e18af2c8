import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import { offlinePage } from './offline-page.ts'

/** The files of the contract that stand alone. */
const alias = Object.fromEntries(
  ['request-path', 'attacks', 'proof', 'proof-note', 'proof-tree'].map((name) => [
    `#contract/${name}`,
    new URL(`../src/contract/${name}.ts`, import.meta.url).pathname,
  ]),
)

export default defineConfig({
  plugins: [react(), offlinePage(alias)],
  resolve: {
    alias,
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
