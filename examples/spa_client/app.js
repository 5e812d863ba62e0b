// Notes in a tab: what the page shows.

import * as session from './session.js'

const part = (id) => document.getElementById(id)
const [said, problem, outside, inside] = ['said', 'problem', 'outside', 'inside'].map(part)
const [signIn, signOut, write, text, list] = ['sign-in', 'sign-out', 'write', 'text', 'notes'].map(part)

function tell(happened, wrong = '') {
  said.textContent = happened
  problem.textContent = wrong
}

function show(isInside) {
  const leaves = !isInside && !inside.hidden
  outside.hidden = isInside
  inside.hidden = signOut.hidden = !isInside
  if (leaves) {
    list.replaceChildren()
    signIn.focus()
  }
}

function item({ text }) {
  const item = document.createElement('li')
  item.textContent = text
  return item
}

function count() {
  part('none').hidden = list.childElementCount > 0 || !session.may('notes.read')
}

/** Does it once at a time, and says what went wrong. */
async function attempt(button, action) {
  button.disabled = true
  tell('')
  try {
    await action()
  } catch (error) {
    show(!(error instanceof session.Ended) && !inside.hidden)
    tell('', explain(error))
  }
  button.disabled = false
}

function explain(error) {
  if (error instanceof session.Ended) return 'Your sign-in here has ended. Sign in again to go on.'
  if (error.error === 'access_denied') return 'You did not allow it, so nothing is shown here.'
  if (error instanceof TypeError) return `${session.issuer.host} does not answer.`
  return `That did not work: ${error.error ?? error.message}.`
}

async function enter() {
  write.hidden = !session.may('notes.write')
  list.replaceChildren(...(session.may('notes.read') ? (await session.notes()).map(item) : []))
  show(true)
  count()
}

signIn.addEventListener('click', () => attempt(signIn, session.signIn))

signOut.addEventListener('click', () =>
  attempt(signOut, async () => {
    show(false)
    await session.signOut().then(
      () => tell('Signed out: this page can no longer reach your notes.'),
      () => tell('', `Forgotten here, but ${session.issuer.host} could not be told: disconnect this app there.`),
    )
  }),
)

write.addEventListener('submit', (event) => {
  event.preventDefault()
  const written = text.value.trim()
  if (!written) return
  attempt(write.querySelector('button'), async () => {
    const note = await session.notes(written)
    if (session.may('notes.read')) list.prepend(item(note))
    count()
    write.reset()
    text.focus()
    tell('Kept.')
  })
})

part('where').textContent = session.issuer.host
show(false)
await attempt(signIn, async () => {
  if (await session.comeBack()) await enter()
})
