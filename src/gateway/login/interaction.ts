/**
 * The steps at which somebody is asked: sign in, choose a patient, grant.
 *
 * A form is taken only from our own pages: it brings back a token of the sign-in under way, in a
 * request of our own origin, with a cookie that no other page can send. What was chosen is looked at
 * again when it counts: the patient is read once more as the person who grants.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Interaction, Login, Provider } from 'oidc-provider/lib/provider.js'
import { epochMs, noteOf } from '#base'
import type { Authorizing, Holder, PatientChoice } from '#site'
import type { Arrived, OutsideDesk } from './arrivals.ts'
import { keepContext } from './launch-context.ts'
import { arrivedFor, forgetArrival, sendOutside } from './outside-step.ts'
import { consentPage, errorPage, factorPage, patientPage, signInPage, type Form } from './pages.ts'
import { scopeLines } from './scope-words.ts'

/** A request for one step. */
export interface Step {
  readonly provider: Provider
  readonly authorizing: Authorizing
  /** Undefined where people sign in here alone. */
  readonly outside: OutsideDesk | undefined
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** What a form brought; undefined for a page that is looked at. */
  readonly form: URLSearchParams | undefined
  /** Where it comes from, for the count of failures. */
  readonly source: string
}

/** A page to show; undefined where the answer has been sent. */
export type StepPage =
  | {
      readonly status: number
      readonly body: string
      /** Where its forms may lead on to, besides this origin. */
      readonly leadsTo?: string
    }
  | undefined

interface Under extends Step {
  readonly interaction: Interaction
  readonly app: NonNullable<Awaited<ReturnType<Authorizing['appOf']>>>
}

/** Answers a step. Rejects if no sign-in is under way for this browser. */
export async function answerStep(step: Step): Promise<StepPage> {
  const { provider, authorizing, request, response, form } = step
  const interaction = await provider.interactionDetails(request, response)
  const app = await authorizing.appOf(interaction.params['client_id'] ?? '')
  const isOurs =
    request.url?.split('?')[0]?.endsWith(`/${interaction.uid}`) === true && app !== undefined
  if (!isOurs) return refused('This sign-in is over')
  const under = { ...step, interaction, app }
  if (form !== undefined) {
    const isSent = form.get('form') === authorizing.memory.formToken(interaction.uid)
    if (!isSent) return refused('This form is not ours')
    if (form.get('act') === 'deny') return await deny(under)
  }
  const page = interaction.prompt.name === 'login' ? await signIn(under) : await consent(under)
  if (page === undefined) return undefined
  const back = URL.parse(interaction.params['redirect_uri'] ?? '')?.origin ?? ''
  return { ...page, leadsTo: [back, ...(step.outside?.providers.origins ?? [])].join(' ') }
}

async function signIn(under: Under): Promise<StepPage> {
  const { authorizing, form, source, interaction } = under
  const act = form?.get('act') ?? ''
  if (act.startsWith(OUTSIDE)) return await leave(under, act.slice(OUTSIDE.length))
  const arrived = arrivedFor(under.outside, under.request, interaction.uid)
  if (arrived !== undefined && act !== 'sign-in') return await enter(under, arrived)
  const login = form?.get('login') ?? interaction.params['login_hint'] ?? ''
  const page = (alert?: string) => signInText(under, login, alert)
  if (act !== 'sign-in') return shown(await page())
  const [password, code] = [form?.get('password') ?? '', form?.get('code') ?? '']
  const passkey = form?.get('passkey') ?? ''
  if ([login, password, code].some(({ length }) => length > FIELD_MAX)) {
    return refused('This form is not ours')
  }
  let holder
  try {
    holder = await authorizing.signIn({ login, password }, { code, passkey, source })
  } catch (error) {
    const { code: why, message } = noteOf(error)
    if (!SAID.includes(why)) throw error
    return { status: 403, body: await page(message) }
  }
  const shownBy = passkey === '' ? 'otp' : 'pop'
  const amr = ['pwd', ...(holder.secondFactorAt === undefined ? [] : [shownBy, SECOND_FACTOR])]
  return await signedIn(under, holder, amr)
}

const signInText = async (under: Under, login: string, alert?: string): Promise<string> => {
  const { authorizing, outside } = under
  const means = { passkey: await authorizing.passkeyAsked(), outside: outside?.providers.buttons }
  return signInPage(formOf(under, alert), login.slice(0, 64), means)
}

/** Sends the browser to a provider outside; where that does not answer, people sign in here. */
async function leave(under: Under, provider: string): Promise<StepPage> {
  const { outside, authorizing, response, interaction, source } = under
  if (outside === undefined) return refused('This form is not ours')
  const { issuer } = authorizing.places
  try {
    await sendOutside(outside, response, { provider, issuer, uid: interaction.uid, source })
    return undefined
  } catch (error) {
    const { code, message } = noteOf(error)
    if (!NOT_SENT.includes(code)) throw error
    return { status: 503, body: await signInText(under, '', message) }
  }
}

/** Somebody is back from a provider outside; perhaps a second factor of this site is asked for. */
async function enter(under: Under, arrived: Arrived): Promise<StepPage> {
  const { authorizing, form, source, outside, request } = under
  if (arrived.kind === 'failed') {
    forgetArrival(outside, request)
    return { status: 403, body: await signInText(under, '', noteOf(arrived.error).message) }
  }
  const [code, passkey] = [form?.get('code') ?? '', form?.get('passkey') ?? '']
  if (code.length > FIELD_MAX) return refused('This form is not ours')
  let holder
  try {
    holder = await authorizing.fromOutside(arrived.arrival, { code, passkey, source })
  } catch (error) {
    const { code: why, message } = noteOf(error)
    if (why === 'ACCESS_PERSON_UNBOUND') {
      forgetArrival(outside, request)
      // Shown to whoever has proved to be it: an administrator has to be told.
      const text = `${message}: ${arrived.arrival.subject}`
      return { status: 403, body: await signInText(under, '', text) }
    }
    if (![...SAID, 'ACCESS_SECOND_FACTOR_DENIED'].includes(why)) throw error
    const isAsked = why === 'ACCESS_SECOND_FACTOR_DENIED'
    const asked = formOf(under, isAsked ? undefined : message)
    const body = factorPage(asked, await authorizing.passkeyAsked())
    return { status: isAsked ? 200 : 403, body }
  }
  forgetArrival(outside, request)
  const own = code !== '' ? ['otp'] : passkey !== '' ? ['pop'] : []
  const amr = holder.secondFactorAt === undefined ? [] : [...own, SECOND_FACTOR]
  return await signedIn(under, holder, amr)
}

async function signedIn(under: Under, holder: Holder, amr: readonly string[]): Promise<StepPage> {
  const { session } = under.interaction
  if (session?.accountId !== undefined && session.accountId !== holder.id) {
    // Somebody else's: nothing that the other one began may go on under this name.
    await (await under.provider.Session.findByUid(session.uid ?? ''))?.destroy()
    return refused('Somebody else was signed in here and is signed out now')
  }
  // A provider may have asked for it a while ago: then that is when it was.
  const ts = Math.floor((holder.secondFactorAt ?? holder.beganAt) / 1000)
  const result = { login: { accountId: holder.id, ts, amr, remember: false } satisfies Login }
  return await finish(under, result, false)
}

async function consent(under: Under): Promise<StepPage> {
  const { authorizing, interaction, form, app } = under
  const holder = await holderOf(under)
  if (holder === undefined) return refused('This sign-in is over')
  const granted = authorizing.granted(app, interaction.params['scope'] ?? '')
  const act = form?.get('act')
  const launch = interaction.params['launch']
  const isLaunched = granted.words.includes('launch') && launch !== undefined
  const needsPatient = isLaunched || granted.words.includes('launch/patient')
  let patient: PatientChoice | undefined
  if (needsPatient) {
    const step = isLaunched
      ? await launchedFor(under, { holder, launch, isLast: act === 'allow' })
      : await chosen(under, holder)
    if ('page' in step) return step.page
    patient = step.patient
  }
  if (act !== 'allow') {
    const more = await withPasskey(under, holder)
    const person = (await authorizing.personOf(holder.id))?.name ?? ''
    const host = URL.parse(interaction.params['redirect_uri'] ?? '')?.host ?? ''
    return shown(
      consentPage(
        { ...formOf(under), ...more.said },
        { person, patient, lines: scopeLines(granted), host, passkey: more.passkey },
      ),
    )
  }
  return await grant(under, { holder, patient: patient?.patient })
}

/** A passkey is added by whoever has shown another second factor at this sign-in. */
async function withPasskey({ authorizing, form }: Under, holder: Holder) {
  if (holder.secondFactorAt === undefined) return { passkey: undefined, said: {} }
  const said: { alert?: string; done?: string } = {}
  if (form?.get('act') === 'add-passkey') {
    try {
      await authorizing.addPasskey(holder.id, form.get('passkey') ?? '')
      said.done = 'The passkey is kept. From now on it will do instead of a code.'
    } catch (error) {
      const { code, message } = noteOf(error)
      if (!NOT_ADDED.includes(code)) throw error
      said.alert = message
    }
  }
  return { passkey: await authorizing.passkeyOffered(holder.id), said }
}

/** The patient of a launch from the record, if it is one of this person and app. */
async function launchedFor(
  { authorizing, app }: Under,
  { holder, launch, isLast }: { holder: Holder; launch: string; isLast: boolean },
): Promise<Found> {
  const of = { client: app.client, person: holder.id }
  const id = isLast
    ? await authorizing.takeLaunch(launch, of)
    : await authorizing.seenLaunch(launch, of)
  const patient = id === undefined ? undefined : await authorizing.patient(holder, id)
  if (patient !== undefined) return { patient }
  return { page: refused('This launch is over, or is not yours') }
}

type Found = { readonly patient: PatientChoice } | { readonly page: StepPage }

/** The patient that somebody chose; the page on which to choose one until then. */
async function chosen(under: Under, holder: Holder): Promise<Found> {
  const { authorizing, form } = under
  const [act, id] = [form?.get('act'), form?.get('patient') ?? '']
  const isChosen = act === 'choose' || act === 'allow' || act === 'add-passkey'
  if (isChosen && id !== '') {
    const patient = await authorizing.patient(holder, id)
    if (patient !== undefined) return { patient }
  }
  const own = await authorizing.patients(holder, '')
  const only = own.length === 1 ? own.at(0) : undefined
  // A patient's own account is for that patient.
  if (only !== undefined) return { patient: only }
  const text = act === 'find' ? (form?.get('text') ?? '').slice(0, TEXT_MAX).trim() : ''
  const found = text === '' ? own : await authorizing.patients(holder, text)
  const alert = isChosen ? 'This record is not open to you' : undefined
  const asked = { text, maySearch: own.length === 0 }
  return { page: shown(patientPage(formOf(under, alert), found, asked)) }
}

/** Makes the grant, and sends the person on to where the code is given out. */
async function grant(
  under: Under,
  about: { readonly holder: Holder; readonly patient: string | undefined },
): Promise<StepPage> {
  const { provider, authorizing, app, interaction } = under
  const { holder, patient } = about
  const made = new provider.Grant({ accountId: holder.id, clientId: app.client })
  const { words } = authorizing.granted(app, interaction.params['scope'] ?? '')
  const all = authorizing.grantedText(app, interaction.params['scope'] ?? '').split(' ')
  const scopes = all.filter((one) => !words.includes(one))
  if (words.length > 0) made.addOIDCScope(words.join(' '))
  if (scopes.length > 0) made.addResourceScope(authorizing.places.base, scopes.join(' '))
  const grantId = await made.save()
  if (patient !== undefined) await keepContext(authorizing, grantId, { patient })
  const facts = { app: app.client, scopes: all.length }
  await authorizing.note('app.granted', holder.id, facts)
  return await finish(under, { consent: { grantId } }, true)
}

/** Whoever has signed in here, as the site knows holders of sessions. */
async function holderOf({ authorizing, interaction }: Under): Promise<Holder | undefined> {
  const id = interaction.session?.accountId
  const login = interaction.lastSubmission?.login
  const person = id === undefined ? undefined : await authorizing.personOf(id)
  if (person === undefined) return undefined
  const beganAt = login === undefined ? authorizing.now() : epochMs(login.ts * 1000)
  const isShown = login?.amr.includes(SECOND_FACTOR) === true
  const shown = isShown ? { secondFactorAt: beganAt } : {}
  return { id: person.id, epoch: person.epoch, beganAt, ...shown }
}

const deny = (under: Under): Promise<StepPage> =>
  finish(under, { error: 'access_denied', error_description: 'The person said no' }, false)

async function finish(
  { provider, request, response }: Under,
  result: Readonly<Record<string, unknown>>,
  mergeWithLastSubmission: boolean,
): Promise<StepPage> {
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission })
  return undefined
}

const formOf = ({ authorizing, interaction, app }: Under, alert?: string): Form => ({
  action: `/auth/sign-in/${interaction.uid}`,
  token: authorizing.memory.formToken(interaction.uid),
  ...{ app: app.name, alert },
})

const shown = (body: string): StepPage => ({ status: 200, body })

const refused = (why: string): StepPage => ({ status: 400, body: errorPage('access_denied', why) })

/** A code of an authenticator app, or a passkey, beside the password (RFC 8176). */
export const SECOND_FACTOR = 'mfa'
/** What a person is told of a sign-in that failed. */
const SAID: readonly string[] = [
  'ACCESS_SIGN_IN_DENIED',
  'ACCESS_SIGN_IN_TRY_AGAIN',
  'ACCESS_SIGN_IN_BUSY',
]
const NOT_ADDED: readonly string[] = ['ACCESS_SECOND_FACTOR_DENIED', 'ACCESS_PERSON_INVALID']
const NOT_SENT: readonly string[] = ['PROVIDER_UNREACHABLE', 'PROVIDER_REFUSED', 'PROVIDER_UNKNOWN']
/** What a button of the sign-in page does, before the name of a provider. */
const OUTSIDE = 'outside '
const FIELD_MAX = 256
const TEXT_MAX = 128
