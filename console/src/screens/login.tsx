/**
 * Where people come in: by a one-time link, by name and password, or back from a provider outside.
 * What follows # in a link is taken out of the address at once.
 *
 * @module
 */

import { Anchor, Button, Center, Paper, Stack, Text, Title } from '@mantine/core'
import { PasswordInput, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { useEffect, useState, type ReactNode, type SubmitEvent } from 'react'
import { ApiRefusal, logIn } from '../api.ts'
import { Refused } from '../parts/answer.tsx'
import { Command } from '../parts/page.tsx'
import { SecondFactor, useHasPasskeys, useMeans } from '../parts/second-factor.tsx'
import { isOver, takePlace } from '../place.ts'
import { askPasskey, enterFromOutside, goOutside, signIn, tellBack } from '../sign-in.ts'
import { filled, texts } from '../texts.ts'

const words = texts.login

/** What follows # in a link, taken out of the address: a link is good once. */
function takeTicket(): string | undefined {
  const ticket = location.hash.slice(1)
  if (ticket === '') return undefined
  window.history.replaceState(window.history.state, '', location.pathname)
  return ticket
}

/** Whether a provider outside has sent the browser here. */
const isBack = (): boolean => new URLSearchParams(location.search).has('from')

/** Goes on to where somebody was, with nothing of whoever was here before. */
function useEntered(): () => void {
  const { history } = useRouter()
  const client = useQueryClient()
  return () => {
    client.clear()
    history.replace(takePlace())
  }
}

export function Login(): ReactNode {
  const [hasEnded] = useState(isOver)
  const link = useMutation({ mutationFn: logIn, onSuccess: useEntered() })
  const [isFromOutside] = useState(isBack)
  const { mutate } = link
  useEffect(() => {
    const enter = (): void => {
      const ticket = takeTicket()
      if (ticket !== undefined) mutate(ticket)
    }
    enter()
    // A link that is opened where this page is open already changes nothing but the hash.
    addEventListener('hashchange', enter)
    return () => removeEventListener('hashchange', enter)
  }, [mutate])
  const isGoing = link.isPending || link.isSuccess
  return (
    <Center mih="100vh" p="md" component="main">
      <Paper withBorder p="xl" maw={480}>
        <Stack>
          <Title order={1} size="h3">
            {isGoing ? words.going : words.title}
          </Title>
          {link.error !== null && <Refused error={link.error} />}
          {!isGoing && hasEnded && <Text role="status">{words.over}</Text>}
          {!isGoing && isFromOutside && <Back />}
          {!isGoing && (
            <>
              <Text>{link.error === null ? words.how : words.unused}</Text>
              <Command line="photonward console" />
              <SignIn />
            </>
          )}
        </Stack>
      </Paper>
    </Center>
  )
}

/** For people: what is typed goes to the daemon and nowhere else. */
function SignIn(): ReactNode {
  const { data: means } = useMeans()
  const hasPasskeys = useHasPasskeys()
  const entering = useMutation({
    mutationFn: async (typed: { login: string; password: string; code: string | undefined }) => {
      const { code, ...who } = typed
      await signIn(code === undefined ? { ...who, passkey: await askPasskey() } : { ...who, code })
    },
    onSuccess: useEntered(),
  })
  const leaving = useMutation({ mutationFn: goOutside })
  const enter = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault()
    const typed = new FormData(event.currentTarget)
    const text = (name: string): string => {
      const value = typed.get(name)
      return typeof value === 'string' ? value : ''
    }
    // Which of the two buttons was pressed; ENTER is the first.
    const isPasskey = (event.nativeEvent.submitter as HTMLButtonElement | null)?.name === 'passkey'
    const code = isPasskey ? undefined : text('code')
    entering.mutate({ login: text('login'), password: text('password'), code })
  }
  const error = entering.error ?? leaving.error
  return (
    <form onSubmit={enter}>
      <Stack>
        <Title order={2} size="h4">
          {words.people}
        </Title>
        {error !== null && <Refused error={error} />}
        <TextInput name="login" label={words.name} autoComplete="username" required />
        <PasswordInput
          {...{ name: 'password', label: words.password, autoComplete: 'current-password' }}
          required
        />
        <TextInput
          {...{ name: 'code', label: words.code, description: words.codeHow }}
          autoComplete="one-time-code"
          inputMode="numeric"
        />
        <Button type="submit" loading={entering.isPending}>
          {words.enter}
        </Button>
        {hasPasskeys && (
          <Button type="submit" name="passkey" variant="default">
            {words.passkey}
          </Button>
        )}
        {means?.providers.map(({ name, title }) => (
          <Button key={name} variant="default" onClick={() => leaving.mutate(name)}>
            {filled(words.outside, { title })}
          </Button>
        ))}
        {means?.passkey === null && <ByName />}
      </Stack>
    </form>
  )
}

/** A passkey answers for a name, and this page was opened by a bare address. */
function ByName() {
  const place = `http://localhost:${location.port}/login`
  return (
    <Text size="sm">
      {words.byName}{' '}
      <Anchor href={place} underline="always">
        {place}
      </Anchor>
    </Text>
  )
}

/** Somebody is back from a provider outside; perhaps a second factor of this site is asked for. */
function Back(): ReactNode {
  const entered = useEntered()
  const onEntered = (): void => {
    tellBack()
    // In a window that a page of ours has opened nothing is left to do.
    window.close()
    entered()
  }
  const entering = useMutation({ mutationFn: enterFromOutside, onSuccess: onEntered })
  const { mutate } = entering
  useEffect(() => {
    window.history.replaceState(window.history.state, '', location.pathname)
    mutate({})
  }, [mutate])
  const { error } = entering
  if (!(error instanceof ApiRefusal)) return <Text role="status">{words.going}</Text>
  if (error.code === 'ACCESS_SECOND_FACTOR_DENIED') {
    return (
      <Stack gap="xs">
        <Text role="status">{words.ownFactor}</Text>
        <SecondFactor {...{ show: enterFromOutside, onShown: onEntered, label: words.enter }} />
      </Stack>
    )
  }
  const { subject } = error.facts
  return (
    <>
      <Refused error={error} />
      {typeof subject === 'string' && <Text>{filled(words.tell, { subject })}</Text>}
    </>
  )
}
