/**
 * How people sign in at the console: by password, passkey or code, or a provider outside; and how
 * they show a second factor anew, and see to their own passkeys.
 *
 * A passkey answers for the name by which a browser calls the console, which is `localhost` where it
 * can have any: a bare address has none. Whoever comes back from a provider gets no session by the
 * address alone; the page asks for it, with a header that no page of another origin can send.
 *
 * @module
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { door, Exactly, noteOf, Text, Type, type Log } from '#base'
import type { Holder } from '#site'
import type { ConsolePeople } from './console-people.ts'
import { begun, cookieOf, jsonOf, over, refuse, told } from './console-replies.ts'
import type { ConsoleSessions } from './console-sessions.ts'
import { cookieIn } from './cookies.ts'
import type { OutsideDesk } from './login/arrivals.ts'
import { GatewayRefusal } from './refusal.ts'

/** What signing in takes. */
export interface SignInDoor {
  readonly sessions: ConsoleSessions
  /** Undefined where nobody can sign in. */
  readonly people: ConsolePeople | undefined
  /** Undefined where people sign in here alone. */
  readonly outside: OutsideDesk | undefined
  readonly log: Log
}

/** Serves it; the name of the host and the header of ours were looked at before. */
export function serveSignIn(web: FastifyInstance, about: SignInDoor): void {
  const { people, sessions, log } = about
  /** A route whose refusals are told. */
  const post = (
    path: string,
    work: (request: FastifyRequest, reply: FastifyReply) => FastifyReply | Promise<FastifyReply>,
  ): void => {
    web.post(path, async (request, reply) => {
      try {
        return await work(request, reply)
      } catch (error) {
        log.write('warning', 'console-sign-in-refused', { code: noteOf(error).code })
        return refuse(reply, error)
      }
    })
  }
  const begin = (request: FastifyRequest, reply: FastifyReply, holder: Holder): FastifyReply => {
    sessions.logOut(cookieOf(request))
    return begun(reply, sessions.begin(holder))
  }
  post('/login', (request, reply) => {
    const { ticket } = openTicket(jsonOf(request))
    return begun(reply, sessions.logIn(ticket))
  })
  post('/sign-in', async (request, reply) => {
    const { login, password, ...shown } = openSignIn(jsonOf(request))
    const credentials = { ...shownIn(request, shown) }
    const holder = await peopleHere(people).signIn({ login, password }, credentials)
    return begin(request, reply, holder)
  })
  post('/second-factor', async (request, reply) => {
    const holder = holderOf(request, sessions)
    const shown = shownIn(request, openFactor(jsonOf(request)))
    const renewed = await peopleHere(people).again(holder, shown)
    return begun(reply, sessions.renew(cookieOf(request), renewed))
  })
  post('/logout', async (request, reply) => {
    const holder = sessions.of(cookieOf(request), false)?.holder
    sessions.logOut(cookieOf(request))
    if (holder !== undefined) await people?.signOut(holder)
    return over(reply)
  })
  serveOutside(web, post, { about, begin })
  servePasskeys(post, about)
}

type Post = (
  path: string,
  work: (request: FastifyRequest, reply: FastifyReply) => FastifyReply | Promise<FastifyReply>,
) => void

/** By a provider outside. */
function serveOutside(
  web: FastifyInstance,
  post: Post,
  {
    about,
    begin,
  }: { about: SignInDoor; begin: (...of: [FastifyRequest, FastifyReply, Holder]) => FastifyReply },
): void {
  const { people, outside } = about
  post('/outside', async (request, reply) => {
    const { provider, isAgain = false } = openDeparture(jsonOf(request))
    const redirectUri = `${originOf(request)}/from/${provider}`
    const wish = { redirectUri, about: CONSOLE, source: request.ip, isAgain }
    const { url, secret } = await outsideHere(outside).providers.depart(provider, wish)
    reply.header('set-cookie', `${AWAY}=${secret}; Path=/from/; Max-Age=600; ${AWAY_TERMS}`)
    return told(reply, { url: url.href })
  })
  web.get<{ Params: { name: string } }>('/from/:name', async (request, reply) => {
    const { name } = request.params
    const query = new URLSearchParams(request.url.split('?')[1])
    const secret = cookieIn(request.headers, AWAY)
    const taken = await outside?.arrivals.take({ secret, name, query })
    const cookies = [`${AWAY}=; Path=/from/; Max-Age=0; ${AWAY_TERMS}`]
    if (taken !== undefined) {
      cookies.push(`${BACK}=${taken.secret}; Path=/sign-in/from; Max-Age=600; ${BACK_TERMS}`)
    }
    reply.header('set-cookie', cookies)
    return await reply.redirect('/login?from=outside', 303)
  })
  post('/sign-in/from', async (request, reply) => {
    const secret = cookieIn(request.headers, BACK)
    const { arrivals } = outsideHere(outside)
    const arrived = arrivals.of(secret, CONSOLE)
    if (arrived === undefined) {
      throw new GatewayRefusal('LOGIN_REFUSED', 'This sign-in was not begun here, or is over')
    }
    if (arrived.kind === 'failed') throw arrived.error
    const shown = shownIn(request, openFactor(jsonOf(request)))
    let holder: Holder
    try {
      holder = await peopleHere(people).fromOutside(arrived.arrival, shown)
    } catch (error) {
      if (noteOf(error).code !== 'ACCESS_PERSON_UNBOUND') throw error
      // Told to whoever has proved to be it: an administrator has to be told.
      return refuse(reply, error, { subject: arrived.arrival.subject })
    }
    arrivals.forget(secret)
    return begin(request, reply, holder)
  })
}

/** Passkeys: asked for, made and taken away. */
function servePasskeys(post: Post, { people, outside, sessions }: SignInDoor): void {
  post('/sign-in/means', async (request, reply) => {
    const passkey = (await people?.passkeyAsked(originOf(request))) ?? null
    return told(reply, { passkey, providers: outside?.providers.buttons ?? [] })
  })
  post('/passkeys/offer', async (request, reply) => {
    const holder = holderOf(request, sessions)
    const offer = (await peopleHere(people).passkeyOffered(holder, originOf(request))) ?? null
    return told(reply, { offer })
  })
  post('/passkeys/add', async (request, reply) => {
    const holder = holderOf(request, sessions)
    const { passkey: response } = openPasskey(jsonOf(request))
    await peopleHere(people).addPasskey(holder, { response, origin: originOf(request) })
    return told(reply, {})
  })
  post('/passkeys/remove', async (request, reply) => {
    const holder = holderOf(request, sessions)
    const { factor } = openRemoval(jsonOf(request))
    const renewed = await peopleHere(people).removePasskey(holder, factor)
    return begun(reply, sessions.renew(cookieOf(request), renewed))
  })
}

/** @throws GatewayRefusal `LOGIN_NEEDED` for the operator, who has no second factor */
function holderOf(request: FastifyRequest, sessions: ConsoleSessions): Holder {
  const holder = sessions.of(cookieOf(request), true)?.holder
  if (holder !== undefined) return holder
  throw new GatewayRefusal('LOGIN_NEEDED', 'Sign in as somebody first')
}

/** As the browser calls it; the name was found to be one of ours. */
const originOf = ({ headers }: FastifyRequest): string => `http://${headers.host ?? ''}`

const shownIn = (
  request: FastifyRequest,
  { code = '', passkey = '' }: { readonly code?: string; readonly passkey?: string },
) => ({ code, passkey, origin: originOf(request), source: request.ip })

/** @throws GatewayRefusal `SIGN_IN_ABSENT` where a site has no people */
function peopleHere(people: ConsolePeople | undefined): ConsolePeople {
  if (people !== undefined) return people
  throw new GatewayRefusal('SIGN_IN_ABSENT', 'Nobody signs in here: a trusted node has no people')
}

function outsideHere(outside: OutsideDesk | undefined): OutsideDesk {
  if (outside !== undefined) return outside
  throw new GatewayRefusal('PROVIDER_UNKNOWN', 'No provider is in the configuration')
}

const Factor = { code: Type.Optional(Text(16)), passkey: Type.Optional(Text(32_768)) }
const openTicket = door(Exactly({ ticket: Text(64, 1) }), 'login')
const openSignIn = door(
  Exactly({ login: Text(64, 1), password: Text(512, 1), ...Factor }),
  'sign-in',
)
const openFactor = door(Exactly(Factor), 'second factor')
const openPasskey = door(Exactly({ passkey: Text(32_768, 1) }), 'passkey')
const openRemoval = door(Exactly({ factor: Text(64, 1) }), 'passkey')
const openDeparture = door(
  Exactly({ provider: Text(32, 1), isAgain: Type.Optional(Type.Boolean()) }),
  'provider',
)

/** Paths that are asked without a session. */
export const WITHOUT_SESSION: readonly string[] = [
  '/login',
  '/sign-in',
  '/sign-in/means',
  '/sign-in/from',
  '/outside',
]
/** What a sign-in at the console is for; no sign-in for an app has this name. */
const CONSOLE = 'console'
const AWAY = 'photonward_away'
const BACK = 'photonward_back'
// A browser that comes back comes from another site.
const AWAY_TERMS = 'HttpOnly; SameSite=Lax'
const BACK_TERMS = 'HttpOnly; SameSite=Strict'
