/**
 * The console's pages, as its build has left them: read once, kept in memory, compressed when first asked for.
 *
 * Every answer says what a browser may do with it: run the origin's own scripts, talk to the origin
 * alone, be framed by nobody. Styles that Mantine adds while it runs carry the nonce of the page.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join, sep } from 'node:path'
import { gzipSync } from 'node:zlib'

/** One answer to a browser. */
export interface PageAnswer {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** Answers for paths of the console; undefined where there is nothing. */
export type Pages = (path: string, acceptsGzip: boolean) => PageAnswer | undefined

/**
 * Reads a build.
 *
 * @param folder   the build's; where it is missing every page says how to make it
 */
export function readPages(folder: string): Pages {
  const shell = join(folder, 'index.html')
  if (!existsSync(shell)) return () => pageOf(UNBUILT, false)
  const html = readFileSync(shell, 'utf8')
  const assets = new Map<string, { type: string; plain: Buffer; packed?: Buffer }>()
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const type = TYPES[extname(entry.name)]
    if (!entry.isFile() || type === undefined) continue
    const file = join(entry.parentPath, entry.name)
    const plain = readFileSync(file)
    const path = file.slice(folder.length).split(sep).join('/')
    assets.set(path, { type, plain })
  }
  return (path, acceptsGzip) => {
    const asset = assets.get(path)
    // A page of the application: it reads its own address.
    if (asset === undefined || path === '/index.html') {
      return extname(path) === '' || path === '/index.html' ? pageOf(html, acceptsGzip) : undefined
    }
    return {
      headers: {
        'content-type': asset.type,
        // Names under assets carry the hash of what they name.
        'cache-control': path.startsWith('/assets/')
          ? 'public, max-age=31536000, immutable'
          : 'no-cache',
        ...(path.endsWith('.html') && { 'content-security-policy': SANDBOX }),
        ...(acceptsGzip && { 'content-encoding': 'gzip' }),
        vary: 'accept-encoding',
      },
      body: acceptsGzip ? (asset.packed ??= gzipSync(asset.plain, { level: 9 })) : asset.plain,
    }
  }
}

function pageOf(html: string, acceptsGzip: boolean): PageAnswer {
  const nonce = randomBytes(18).toString('base64')
  const octets = Buffer.from(html.replaceAll(NONCE_PLACE, nonce))
  return {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policyOf(nonce),
      'permissions-policy': 'camera=(), geolocation=(), microphone=()',
      ...(acceptsGzip && { 'content-encoding': 'gzip' }),
    },
    body: acceptsGzip ? gzipSync(octets) : octets,
  }
}

const policyOf = (nonce: string): string =>
  [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    `style-src 'self' 'nonce-${nonce}'`,
    "connect-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')

/** A page that is meant for a disk has no part in this origin when it is opened here. */
const SANDBOX = 'sandbox'

/** Stands in the build where the nonce of each answer goes. */
const NONCE_PLACE = '__CSP_NONCE__'
const TYPES: Readonly<Partial<Record<string, string>>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.json': 'application/json; charset=utf-8',
}
const UNBUILT = `<!doctype html><html lang="en"><meta charset="utf-8"><title>PhotonWard</title>
<h1>The console has not been built</h1><p>Run <code>npm run build:console</code> in the folder of
PhotonWard, and start the daemon again.</p></html>`
