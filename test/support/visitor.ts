/**
 * A browser without script: keeps cookies, fills in forms, and follows where it is sent, as far as the
 * address of an app.
 *
 * @module
 */

import assert from 'node:assert/strict'

/** Where a visit has come to: a page, or an address that is not of the site. */
export interface Visited {
  readonly url: URL
  readonly status: number
  readonly text: string
  readonly headers: Headers
}

export class Visitor {
  readonly #fetch: typeof fetch
  readonly #origin: string
  readonly cookies = new Map<string, { readonly value: string; readonly path: string }>()

  constructor(bare: typeof fetch, origin: string) {
    this.#fetch = bare
    this.#origin = origin
  }

  /** Looks at an address, and goes where it leads. */
  async visit(url: URL | string, init: RequestInit = {}): Promise<Visited> {
    let [at, how] = [new URL(url), init]
    for (let hops = 0; hops < HOPS_MAX; hops++) {
      const { pathname } = at
      const cookie = [...this.cookies]
        .filter(([, { path }]) => pathname.startsWith(path))
        .map(([name, { value }]) => `${name}=${value}`)
        .join('; ')
      const headers = { ...Object.fromEntries(new Headers(how.headers)), cookie }
      const answer = await this.#fetch(at, { ...how, headers, redirect: 'manual' })
      this.#keep(answer.headers.getSetCookie())
      const location = answer.headers.get('location')
      if (location === null) {
        const { status } = answer
        return { url: at, status, text: await answer.text(), headers: answer.headers }
      }
      at = new URL(location, at)
      how = {}
      const { headers: told, status } = answer
      if (at.origin !== this.#origin) return { url: at, status, text: '', headers: told }
    }
    throw new Error('Sent in a circle')
  }

  /** Presses the button of a page that does this, with these fields filled in. */
  async submit(
    page: Visited,
    act: string,
    fields: Readonly<Record<string, string>> = {},
    headers: Readonly<Record<string, string>> = { origin: this.#origin },
  ): Promise<Visited> {
    const form = page.text.split('<form').find((one) => one.includes(`value="${act}"`))
    assert(form !== undefined, `a button for ${act}: ${page.text}`)
    const hidden = [...form.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)]
    const body = new URLSearchParams(hidden.map(([, name, value]) => [name, value]))
    for (const [name, value] of Object.entries({ ...fields, act })) body.set(name, value)
    const action = /action="([^"]*)"/.exec(form)?.[1] ?? ''
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    const init = { method: 'POST', body: body.toString(), headers: { ...type, ...headers } }
    return await this.visit(new URL(action, page.url), init)
  }

  #keep(cookies: readonly string[]): void {
    for (const cookie of cookies) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      const path = /;\s*path=([^;]*)/i.exec(cookie)?.[1] ?? '/'
      if (value === '') this.cookies.delete(name)
      else this.cookies.set(name, { value, path })
    }
  }
}

const HOPS_MAX = 10
