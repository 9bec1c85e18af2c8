/**
 * Builds the page that verifies proofs without any server: one HTML file with everything in it.
 *
 * Its security policy names the hashes of its script and its style and allows nothing else, so it
 * can reach nobody, and a changed page does not run.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { build, type Plugin } from 'vite'

export function offlinePage(alias: Readonly<Record<string, string>>): Plugin {
  return {
    name: 'offline-page',
    apply: 'build',
    async generateBundle() {
      const script = await scriptOf(alias)
      const style = readFileSync(fileAt('./src/offline/verify.css'), 'utf8')
      // What a hash names is all between the tags: not a space more.
      const source = readFileSync(fileAt('./src/offline/verify.html'), 'utf8')
        .replace('__POLICY__', () => policyOf(script, style))
        .replace(/\s*__STYLE__\s*/, () => style)
        .replace(/\s*__SCRIPT__\s*/, () => script)
      this.emitFile({ type: 'asset', fileName: 'verify.html', source })
    },
  }
}

/** One script with all that it needs. */
async function scriptOf(alias: Readonly<Record<string, string>>): Promise<string> {
  const made = await build({
    configFile: false,
    logLevel: 'error',
    resolve: { alias },
    build: {
      write: false,
      target: 'es2023',
      lib: { entry: fileAt('./src/offline/verify.ts'), formats: ['iife'], name: 'verify' },
    },
  })
  const built = Array.isArray(made) ? made : 'output' in made ? [made] : []
  const code = built.flatMap(({ output }) => output.map((one) => ('code' in one ? one.code : '')))
  const script = code.join('')
  if (script.includes('</script')) throw new Error('The script would end its own element')
  return script
}

const policyOf = (script: string, style: string): string =>
  [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')

const hashOf = (text: string): string =>
  `sha256-${createHash('sha256').update(text).digest('base64')}`

const fileAt = (path: string): string => new URL(path, import.meta.url).pathname
