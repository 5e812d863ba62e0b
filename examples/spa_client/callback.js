// The redirect URI. The page of the notes takes the answer, because tokens stay where they arrive; on the way there it
// lies in the fragment, which is sent to no server, and this address with the code leaves the history.

location.replace(`./#${location.search.slice(1)}`)
