//! The C interface of the crates that lupo uses. Contract: `include/lupo_bridge.h`.
//!
//! Every entry catches panics: nothing unwinds into C++.

mod filters;
mod format;
mod json;
mod macros;
mod markup;
mod methods;
mod percent;
mod rewrite;
mod strftime;
mod tags;
mod template;
mod wordwrap;

use std::panic::{catch_unwind, AssertUnwindSafe};

use template::{Failure, Input, Status};

#[repr(C)]
#[derive(Clone, Copy)]
pub struct LupoSlice {
    data: *const u8,
    size: usize,
}

impl LupoSlice {
    /// The text of the slice; bytes that are not UTF-8 become U+FFFD.
    ///
    /// # Safety
    /// `data` points to `size` readable bytes that outlive the result, or is null with size 0.
    unsafe fn text<'a>(self) -> std::borrow::Cow<'a, str> {
        if self.size == 0 {
            return "".into();
        }
        String::from_utf8_lossy(std::slice::from_raw_parts(self.data, self.size))
    }
}

#[repr(C)]
pub struct LupoText {
    data: *mut u8,
    size: usize,
    capacity: usize,
    status: i32,
    line: u32,
    column: u32,
}

impl LupoText {
    fn new(text: String, status: Status, line: u32, column: u32) -> LupoText {
        let mut bytes = std::mem::ManuallyDrop::new(text.into_bytes());
        LupoText { data: bytes.as_mut_ptr(), size: bytes.len(), capacity: bytes.capacity(), status: status as i32, line, column }
    }
}

impl From<Result<String, Failure>> for LupoText {
    fn from(outcome: Result<String, Failure>) -> LupoText {
        match outcome {
            Ok(text) => LupoText::new(text, Status::Ok, 0, 0),
            Err(f) => LupoText::new(f.what, f.status, f.line, f.column),
        }
    }
}

#[repr(C)]
pub struct LupoRenderInput {
    messages: LupoSlice,
    tools: LupoSlice,
    documents: LupoSlice,
    kwargs: LupoSlice,
    bos_token: LupoSlice,
    eos_token: LupoSlice,
    now: i64,
    add_generation_prompt: i32,
}

fn guarded(work: impl FnOnce() -> Result<String, Failure>) -> Result<String, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Failure::panicked()))
}

/// # Safety
/// `text` came from this library and was not freed before.
#[no_mangle]
pub unsafe extern "C" fn lupo_text_free(text: LupoText) {
    if !text.data.is_null() {
        drop(Vec::from_raw_parts(text.data, text.size, text.capacity));
    }
}

/// # Safety
/// `source` is readable.
#[no_mangle]
pub unsafe extern "C" fn lupo_template_check(source: LupoSlice) -> LupoText {
    guarded(|| template::check(&source.text())).into()
}

/// # Safety
/// `source` and the slices of `input` are readable.
#[no_mangle]
pub unsafe extern "C" fn lupo_template_render(source: LupoSlice, input: *const LupoRenderInput) -> LupoText {
    let input = &*input;
    guarded(|| {
        let input = Input {
            messages: &input.messages.text(),
            tools: &input.tools.text(),
            documents: &input.documents.text(),
            kwargs: &input.kwargs.text(),
            bos_token: &input.bos_token.text(),
            eos_token: &input.eos_token.text(),
            now: input.now,
            add_generation_prompt: input.add_generation_prompt != 0,
        };
        template::render(&source.text(), &input)
    })
    .into()
}
