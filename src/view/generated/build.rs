//! Compiles `ui/app.slint` with the bundled translations. A sentence is translated once wherever it stands,
//! so the catalogues have no component as context; where one English word needs two words elsewhere, the
//! `@tr` names its own context.
fn main() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let configuration = slint_build::CompilerConfiguration::new()
        .with_style("fluent".into())
        .embed_resources(slint_build::EmbedResourcesKind::EmbedFiles)
        .with_bundled_translations(root.join("assets/lang"))
        .with_default_translation_context(slint_build::DefaultTranslationContext::None)
        .with_debug_info(true);
    if let Err(error) = slint_build::compile_with_config(root.join("ui/app.slint"), configuration) {
        panic!("ui/app.slint does not compile: {error}");
    }
    println!("cargo::rerun-if-changed={}", root.join("assets/lang").display());
}
