//! Compiles `ui/app.slint` with the bundled translations.
fn main() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let configuration = slint_build::CompilerConfiguration::new()
        .with_style("fluent".into())
        .embed_resources(slint_build::EmbedResourcesKind::EmbedFiles)
        .with_bundled_translations(root.join("assets/lang"))
        .with_debug_info(true);
    if let Err(error) = slint_build::compile_with_config(root.join("ui/app.slint"), configuration) {
        panic!("ui/app.slint does not compile: {error}");
    }
    println!("cargo::rerun-if-changed={}", root.join("assets/lang").display());
}
