//! `dev-token`: a test terminal made of nothing but a key, and its bearer token. For development and conformance
//! runs: it enrols at a running central by the protocol, as any device does.

use super::admin::open;
use super::{note, say};
use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use central::enrol;
use clap::Args;
use ed25519_dalek::{Signer, SigningKey};
use std::path::PathBuf;
use std::process::ExitCode;
use sync::call::{Central as _, Reply, Request};
use sync::http::HttpCentral;
use sync::protocol::auth::{EnrolRequest, NonceRequest, TokenRequest, token_message};

/// How long the code works that the terminal enrols with.
const CODE_MS: i64 = 60_000;

/// Which central.
#[derive(Args, Debug)]
pub struct DevTokenArguments {
    /// Data directory of the central that is served
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where it is served
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8700")]
    server: String,
    /// Store that the terminal will belong to
    #[arg(long, value_name = "CODE", default_value = "S001")]
    store: String,
    /// Print TERMINAL_ID=… and TERMINAL_TOKEN=…, one a line, instead of the token alone
    #[arg(long)]
    env: bool,
}

/// Enrols a new terminal and prints its token, which lasts 15 minutes. Its key is forgotten.
pub fn run(arguments: &DevTokenArguments) -> Result<ExitCode> {
    let central = open(&arguments.data)?;
    let store = arguments.store.clone();
    let found = central.database().read(|c| enrol::store_by_code(c, &store))?;
    let Some(store_no) = found else { bail!("there is no store {}", arguments.store) };
    let code = enrol::draw_code(central.rim())?;
    let (hash, life) = (code.hash, (central.rim().now_ms(), CODE_MS));
    let keep = move |c: &_| enrol::store_code(c, hash, store_no, None, life);
    central.database().writer().run(keep)?;
    let mut seed = [0; 32];
    central.rim().fill_random(&mut seed)?;
    let key = SigningKey::from_bytes(&seed);
    let server = HttpCentral::new(&arguments.server)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ask = |request: Request| {
        let answer = runtime.block_on(server.call(None, &request));
        answer.with_context(|| format!("{} does not answer as it should", arguments.server))
    };
    let enrol = EnrolRequest {
        code: code.code,
        public_key: STANDARD.encode(key.verifying_key().as_bytes()),
        software: "dev-token".into(),
        known: Vec::new(),
    };
    let Reply::Enrolled(enrolled) = ask(Request::Enrol(enrol))? else { bail!("not enrolled") };
    let terminal_id = enrolled.terminal_id;
    let Reply::Nonce(nonce) = ask(Request::Nonce(NonceRequest { terminal_id }))? else {
        bail!("no nonce")
    };
    let signature = key.sign(&token_message(terminal_id, &nonce.nonce));
    let signature = STANDARD.encode(signature.to_bytes());
    let epoch = Some(enrolled.epoch);
    let request = TokenRequest { terminal_id, nonce: nonce.nonce, signature, epoch };
    let Reply::Token(token) = ask(Request::Token(request))? else { bail!("no token") };
    if arguments.env {
        say(&format!("TERMINAL_ID={terminal_id}\nTERMINAL_TOKEN={}", token.token))?;
    } else {
        note(&format!("terminal {terminal_id}, {}", enrolled.terminal_name));
        say(&token.token)?;
    }
    Ok(ExitCode::SUCCESS)
}
